from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from apps.audit.commands import erase_personal, record
from apps.audit.context import Context, authenticated, surrounded
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.models import Event, Pending, Personal
from apps.audit.states import Ref
from apps.engine.canonical import canonical
from tests.audit.people import ADA, GRACE, MODEL, RELAY

pytestmark = pytest.mark.django_db


def recorded(**facts) -> Event:
    made = record(**{"by": ADA, "action": EventName.MODEL_CHANGED, "subject": MODEL} | facts)
    return Event.objects.get(pk=made.pk)


def test_the_body_is_canonical_and_the_columns_only_index_it():
    event = recorded(after={"tier": 1}, reason=" why ")
    body = bytes(event.body)
    assert canonical(json.loads(body)) == body
    assert event.doc == json.loads(body)
    assert (event.action, event.actor_id, event.object_id) == ("model.changed", "7", "credit-pd")
    assert bytes(event.leaf_hash) == hashlib.sha256(b"\0" + body).digest()
    assert event.doc["reason"] == "why"
    assert event.recorded_at is not None


def test_every_event_waits_for_the_tree():
    event = recorded()
    assert Pending.objects.get().event_id == event.pk


def test_the_event_goes_with_the_transaction_it_tells_of():
    with transaction.atomic():
        recorded()
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    assert not Pending.objects.exists()


def test_a_person_is_named_beside_the_record_only():
    event = recorded(on_behalf_of=GRACE)
    assert b"Example" not in bytes(event.body)
    beside = {p.part: p for p in Personal.objects.all()}
    assert json.loads(bytes(beside["actor"].value)) == {"name": "Ada Example"}
    digest = hashlib.sha256(bytes(beside["actor"].salt) + bytes(beside["actor"].value)).hexdigest()
    assert event.doc["pii"]["actor"] == f"sha256:{digest}"
    assert set(event.doc["pii"]) == {"actor", "on_behalf_of"}


def test_what_acts_by_itself_is_named_in_the_record():
    event = recorded(by=RELAY)
    assert event.doc["actor"] == {"type": "system", "id": "relay", "name": "relay"}
    assert not Personal.objects.exists()


def test_the_request_goes_into_the_record_but_its_address_stays_beside():
    with surrounded(Context(request_id="r-1", ip="192.0.2.7")):
        authenticated(method="password", age_seconds=4, mfa=True)
        event = recorded()
    assert event.doc["request_id"] == "r-1"
    assert event.doc["actor"]["auth"] == {"method": "password", "age_s": 4, "mfa": True}
    assert b"192.0.2.7" not in bytes(event.body)
    assert json.loads(bytes(Personal.objects.get().value))["ip"] == "192.0.2.7"


def test_values_become_plain():
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    event = recorded(after={"at": moment, "sum": Decimal("1.10"), "roles": {"b", "a"}, "name": "e\u0301"})
    assert event.doc["after"] == {
        "at": "2026-03-01T12:00:00.000000Z",
        "sum": "1.10",
        "roles": ["a", "b"],
        "name": "é",
    }


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"after": {"share": float("nan")}}, '"after.share" is nan'),
        ({"after": {"n": 2**53}}, "beyond 2^53-1"),
        ({"reason": "a\0b"}, '"reason" holds a NUL'),
        ({"after": {"it": object()}}, '"it" is a object'),
        ({"after": {"name": "\ud800"}}, "surrogate"),
        ({"reason": "x" * 70_000}, "an event may take 65536"),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(facts, sentence):
    with pytest.raises(Invalid) as refused:
        recorded(**facts)
    assert sentence in str(refused.value)
    assert not Event.objects.exists()


def test_an_unknown_action_is_refused():
    with pytest.raises(ValueError, match="exploded"):
        recorded(action="model.exploded")


@pytest.mark.parametrize(
    "change", [{"id": "018f0000-0000-7000-8000-000000000000"}, {"occurred_at": "2020-01-01Z"}]
)
def test_columns_that_differ_from_the_body_are_refused_by_the_database(change):
    body = bytes(recorded().body)
    values = {"id": json.loads(body)["id"][:-4] + "ffff", "occurred_at": json.loads(body)["ts"]} | change
    with pytest.raises(DatabaseError, match="must be those of its body"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event "
            "(id, occurred_at, body, action, actor_type, actor_id, object_type, object_id) "
            "VALUES (%s, %s, %s, '', '', '', '', '')",
            [values["id"], values["occurred_at"], body],
        )


def test_erasing_a_person_leaves_the_trail_whole():
    recorded(by=GRACE)
    bodies = [bytes(e.body) for e in [recorded(), recorded(subject=Ref("person", "7", "ada"))]]
    event = erase_personal(by=GRACE, person=Ref("person", "7", "ada"), reason="asked to be forgotten")
    assert not Personal.objects.filter(person_id="7").exists()
    assert Personal.objects.filter(person_id="8").count() == 2
    assert Event.objects.filter(body__in=bodies).count() == 2
    assert json.loads(bytes(event.body))["after"] == {"erased": 3}


def test_erasing_needs_a_reason():
    with pytest.raises(Refused, match="reason is needed"):
        erase_personal(by=GRACE, person=ADA_REF, reason=" ")


ADA_REF = Ref("person", "7", "ada")


def test_an_event_names_the_one_before_it_of_the_same_object():
    first, other = recorded(), recorded(subject=Ref("model", "another", "another"))
    second = recorded()
    assert first.doc["prev_object_event"] is None
    assert other.doc["prev_object_event"] is None
    assert second.doc["prev_object_event"] == str(first.pk)
    assert canonical(json.loads(bytes(second.body))) == bytes(second.body)


def test_the_name_of_the_event_before_cannot_be_forged_by_what_a_record_holds():
    hostile = {"a": {"prev_object_event": None}, 'x","prev_object_event":null,"y': 1}
    first, second = recorded(), recorded(after=hostile)
    assert second.doc["after"] == hostile
    assert second.doc["prev_object_event"] == str(first.pk)


def test_an_event_and_what_stands_beside_it_take_one_statement(django_assert_num_queries):
    with django_assert_num_queries(1):
        made = record(by=ADA, action=EventName.MODEL_CHANGED, subject=MODEL, on_behalf_of=GRACE)
    assert made.recorded_at is not None
    assert bytes(made.body) == bytes(Event.objects.get().body)
    assert made.doc == Event.objects.get().doc
    assert Personal.objects.count() == 2


def test_what_changed_stands_there_with_its_digests():
    event = recorded(before={"tier": 2}, after={"tier": 1}, policies=["sha256:b", "sha256:a"])
    assert (event.doc["before"], event.doc["after"]) == ({"tier": 2}, {"tier": 1})
    assert event.doc["digests"]["after"] == "sha256:" + hashlib.sha256(b'{"tier":1}').hexdigest()
    assert event.doc["policies"] == ["sha256:a", "sha256:b"]
    assert event.doc["v"] == 2


@pytest.mark.parametrize("name", ["email", "Password", "ip"])
def test_a_field_that_could_never_be_erased_is_refused(name):
    with pytest.raises(Invalid, match="never be erased"):
        recorded(after={"deep": [{name: "x"}]})
    assert not Event.objects.exists()
