from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from apps.audit import queries
from apps.audit.commands import erase_personal, record, seal
from apps.audit.context import Context, surrounded
from apps.audit.errors import NotFound
from apps.audit.events import EventName
from apps.audit.models import Event, SigningKey
from apps.audit.states import Ref
from apps.engine.keys import KeySet
from apps.engine.statement import NotGenuine, Subject, digest
from tests.audit.people import ADA, GRACE, MODEL, RELAY

pytestmark = pytest.mark.django_db


def test_events_are_narrowed_and_newest_first():
    first = record(by=ADA, action=EventName.MODEL_REGISTERED, subject=MODEL)
    second = record(by=GRACE, action=EventName.MODEL_CHANGED, subject=MODEL)
    record(by=GRACE, action=EventName.USE_ADDED, subject=Ref("use", "1", "credit"))
    assert list(queries.events_about(MODEL)) == [second, first]
    assert list(queries.events(actor_id="8", object_type="model")) == [second]
    assert not queries.events(until=timezone.now() - timedelta(hours=1)).exists()
    assert queries.events(since=timezone.now() - timedelta(hours=1)).count() == 3


def test_names_are_told_until_they_are_erased(django_assert_num_queries):
    with surrounded(Context(ip="192.0.2.7")):
        event = record(
            by=ADA, action=EventName.ROLE_GRANTED, subject=Ref("person", "8", "grace"), on_behalf_of=GRACE
        )
    found = Event.objects.get(pk=event.pk)
    with django_assert_num_queries(2):
        (told,) = queries.told([found])
    assert (told.actor, told.object, told.on_behalf_of, told.ip) == (
        "Ada Example", "grace", "Grace Example", "192.0.2.7",
    )  # fmt: skip
    erase_personal(by=RELAY, person=Ref("person", "7", "ada"), reason="asked")
    (told,) = queries.told([found])
    assert (told.actor, told.ip, told.object) == ("(erased)", "", "grace")


def test_a_thing_is_told_by_its_name():
    (told,) = queries.told([record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)])
    assert (told.actor, told.object, told.index) == ("relay", "Probability of default", None)
    assert told.doc["action"] == "model.changed"


def test_a_statement_is_read_only_after_its_signature():
    made = seal(
        by=RELAY,
        predicate_type="https://countersign.example/decision/v1",
        subjects=[Subject("m", digest(b"m"))],
        predicate={"outcome": "pass"},
        event=EventName.DECISION_SEALED,
    )
    assert queries.read_statement(made.digest)["predicate"]["outcome"] == "pass"
    with pytest.raises(NotGenuine):
        queries.read_statement(made.digest, trusted=KeySet())
    with pytest.raises(NotFound, match="no statement"):
        queries.read_statement("sha256:0")


def test_health_says_how_far_the_log_is_behind():
    assert queries.health().pending == 0
    assert queries.health().behind == timedelta(0)
    record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)
    found = queries.health()
    assert found.pending == 1
    assert timedelta(0) <= found.behind < timedelta(minutes=1)
    assert found.checkpoint_at is None


def test_waiting_for_inclusion_ends():
    event = record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)
    assert queries.wait_for_inclusion(event.pk, seconds=0.06) is None


def keys_command(*words: str) -> str:
    out = io.StringIO()
    call_command("keys", *words, stdout=out)
    return out.getvalue()


def test_the_keys_command_makes_each_key_once():
    first = keys_command()
    assert keys_command() == first
    assert first.count("in force") == 2
    assert keys_command("--verbosity=0") == ""
    assert KeySet.from_json(json.loads(keys_command("--json"))) == queries.keys()


def test_the_keys_command_ends_keys():
    keys_command()
    statement = SigningKey.objects.get(purpose="statement").key_id
    assert "retired" in keys_command("--retire", statement, "--reason", "yearly change")
    assert "revoked" in keys_command("--revoke", statement, "--reason", "stolen after all")
    with pytest.raises(CommandError, match="reason is needed"):
        keys_command("--revoke", statement)


def test_the_system_check_is_silent_where_the_walls_stand():
    assert [m for m in run_checks(databases=["default"]) if m.id and m.id.startswith("audit.")] == []


def test_the_system_check_tells_who_owns_the_log(as_role, monkeypatch):
    monkeypatch.setattr("apps.audit.walls.ROLES", ("cs_app", "cs_nobody"))
    (message,) = [m for m in run_checks(databases=["default"]) if m.id == "audit.W001"]
    assert "no role cs_nobody" in message.msg
