"""Two at the same time: exactly one wins. Each test has a database of its own, where commits are real."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from apps.access.commands import begin_idempotent, grant_role
from apps.access.models import RoleGrant
from apps.audit.errors import Refused
from tests import factories

pytestmark = pytest.mark.slow


def outcomes_of(*acts: Callable[[], object]) -> list[str]:
    """Every act in a thread of its own, all begun together."""
    gate, outcomes = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
            outcomes.append("done")
        except Refused as refused:
            outcomes.append(refused.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_of_twins_of_a_request_one_works(fresh_database):
    dev, answered = factories.developer(), threading.Barrier(6)

    def twin() -> None:
        with transaction.atomic():
            try:
                begin_idempotent(by=dev, key="twin", fingerprint="f" * 64)
            finally:
                answered.wait(20)  # nobody ends before everybody has asked

    assert outcomes_of(*[twin] * 6) == ["done"] + ["in_flight"] * 5


def test_of_two_grants_that_clash_one_is_given(fresh_database):
    admin, factory = factories.administrator(), factories.person
    accounts = [factory("one", identity="human"), factory("two", identity="human")]
    acts = [
        lambda: grant_role(by=admin, person=accounts[0], role="developer", reason="x"),
        lambda: grant_role(by=admin, person=accounts[1], role="validator", reason="x"),
    ]
    assert outcomes_of(*acts) == ["done", "separation_of_duties"]
    assert RoleGrant.objects.filter(person__identity="human").count() == 1
