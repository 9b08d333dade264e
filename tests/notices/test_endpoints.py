"""Endpoints: who makes them, whose eyes they see with, what about them is never told."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.notices import commands, queries
from apps.notices.models import Delivery, Endpoint
from tests import factories
from tests.flows import bank
from tests.notices.receiver import Running
from tests.notices.telling import begin, endpoint, followed

pytestmark = pytest.mark.usefixtures("small_bank")


def told(action: str) -> int:
    return Event.objects.filter(action=action).count()


def test_only_an_administrator_adds_one(receiver: Running) -> None:
    with pytest.raises(Forbidden):
        commands.add_endpoint(
            by=factories.developer(),
            name="mine",
            kind="webhook",
            address=receiver.url(),
            events=["run.dead"],
            owner=factories.developer(),
        )


def test_neither_the_secret_nor_the_address_stands_anywhere_to_be_read(receiver: Running) -> None:
    made, secret = endpoint(receiver, "/services/T0/B0/very-secret")
    made.refresh_from_db()
    row = Event.objects.get(action="endpoint.added")
    for stored in (bytes(made.address), bytes(made.secrets.get().locked), bytes(row.body)):
        assert b"very-secret" not in stored
        assert secret.removeprefix("whsec_").encode() not in stored
    assert made.place == receiver.url("").rstrip("/")


def test_an_endpoint_of_somebody_else_hears_nothing_until_they_agree(receiver: Running) -> None:
    owner = factories.person("watches", "auditor")
    made, _ = endpoint(receiver, owner=owner)
    begin()
    bank.finding(bank.unfair())
    followed()
    assert not Delivery.objects.exists()
    with pytest.raises(Forbidden, match="Only its owner"):
        commands.agree_endpoint(by=factories.administrator(), endpoint=made)
    commands.agree_endpoint(by=owner, endpoint=made)
    bank.finding(bank.unfair(), title="Another")
    followed()
    assert Delivery.objects.count() == told("endpoint.agreed") == 1


def test_an_administrators_own_endpoint_hears_nothing_of_models(receiver: Running) -> None:
    endpoint(receiver, owner=factories.administrator())
    begin()
    bank.finding(bank.unfair())
    followed()
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(("scope", "count"), [({"model": "credit-pd"}, 0), ({"unit": "retail"}, 1)])
def test_a_scope_narrows_what_is_heard(receiver: Running, scope: dict[str, str], count: int) -> None:
    endpoint(receiver, **scope)
    begin()
    bank.finding(bank.unfair())
    followed()
    assert Delivery.objects.count() == count


def test_sign_offs_and_people_never_go_out(receiver: Running) -> None:
    for event in ("signoff.given", "person.created", "session.opened", "comment.added", "nothing.such"):
        with pytest.raises(Invalid, match="goes out"):
            endpoint(receiver, events=[event])


def test_it_is_changed_stopped_and_started(receiver: Running) -> None:
    admin = factories.administrator()
    made, _ = endpoint(receiver)
    commands.change_endpoint(by=admin, endpoint=made, events=["run.dead", "finding.opened"])
    commands.stop_endpoint(by=admin, endpoint=made, reason="It moves.")
    with pytest.raises(Refused, match="is stopped: It moves"):
        commands.send_trial(by=admin, endpoint=made.__class__.objects.get())
    commands.start_endpoint(by=admin, endpoint=made)
    for event in ("endpoint.changed", "endpoint.stopped", "endpoint.started"):
        assert told(event) == 1
    assert Endpoint.objects.get().events == ["finding.opened", "run.dead"]


def test_a_chat_has_no_secret(receiver: Running) -> None:
    made, secret = endpoint(receiver, kind="slack")
    assert secret == ""
    with pytest.raises(Refused, match="is a chat"):
        commands.rotate_secret(by=factories.administrator(), endpoint=made)


def test_others_do_not_see_it(receiver: Running) -> None:
    made, _ = endpoint(receiver)
    assert not queries.visible_endpoints(factories.head()).exists()
    assert queries.find_endpoint(factories.administrator(), made.pk) == made


def test_without_hosts_in_the_settings_nothing_is_told(receiver: Running, settings: Settings) -> None:
    settings.WEBHOOK_HOSTS = []
    with pytest.raises(Invalid, match="COUNTERSIGN_WEBHOOK_HOSTS"):
        endpoint(receiver)


@pytest.mark.parametrize("column", ["address = '\\x00'", "owner_id = added_by_id", "place = 'elsewhere'"])
def test_the_database_keeps_where_it_lies_and_whose_eyes_it_has(receiver: Running, column: str) -> None:
    endpoint(receiver)
    with pytest.raises(DatabaseError, match="does not change"), transaction.atomic():
        connection.cursor().execute(f"UPDATE notices_endpoint SET {column}")  # noqa: S608
