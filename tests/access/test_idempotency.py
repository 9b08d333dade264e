from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.access.commands import begin_idempotent, finish_idempotent, forget_idempotent
from apps.access.commands.idempotency import lock_of
from apps.access.models import IdempotentRequest, Person
from apps.audit.errors import Invalid, Refused
from tests import factories

pytestmark = pytest.mark.django_db


def begun(by=None, key="k1", fingerprint="f" * 64) -> IdempotentRequest:
    return begin_idempotent(by=by or factories.developer(), key=key, fingerprint=fingerprint)


@contextmanager
def held_elsewhere(by: Person, key: str) -> Iterator[None]:
    """Another connection works under the key."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [lock_of(by, key)])
        yield
    finally:
        other.close()


def finished(**fields) -> None:
    given = {"by": factories.developer(), "key": "k1", "status": 201, "body": b"{}", **fields}
    finish_idempotent(**given)


def test_the_first_request_is_to_be_worked_on():
    assert begun().status is None


def test_the_answer_of_the_first_time_is_given_again():
    begun()
    finished(body=b'{"id": 7}', headers={"Location": "/x/7"})
    again = begun()
    assert (again.status, bytes(again.body), again.headers) == (201, b'{"id": 7}', {"Location": "/x/7"})


def test_another_payload_under_the_key_is_invalid():
    begun()
    finished()
    with pytest.raises(Invalid, match="used before for another request") as refused:
        begun(fingerprint="e" * 64)
    assert refused.value.field == "Idempotency-Key"


def test_a_twin_in_flight_is_refused():
    with (
        held_elsewhere(factories.developer(), "k1"),
        pytest.raises(Refused, match="still at work") as refused,
    ):
        begun()
    assert refused.value.code == "in_flight"
    assert begun().status is None


def test_a_key_whose_process_died_is_free_at_once():
    """Its lock fell with the connection; even a row that an older service left behind holds nothing."""
    begun(fingerprint="e" * 64)
    assert begun().status is None


def test_keys_of_two_people_have_nothing_in_common():
    begun()
    assert begun(by=factories.validator(), fingerprint="e" * 64).status is None


def test_a_key_that_came_to_nothing_is_free_again():
    begun()
    forget_idempotent(by=factories.developer(), key="k1")
    assert begun(fingerprint="e" * 64).status is None


def test_an_old_answer_is_forgotten():
    begun()
    finished()
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert begun(fingerprint="e" * 64).status is None


def test_an_answer_that_was_given_is_not_overwritten():
    begun()
    finished(status=201)
    finished(status=500)
    assert begun().status == 201
