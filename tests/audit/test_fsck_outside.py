"""What stands beside the log is looked at again: lines of witnesses, stamps, keys, the order of events."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.db import connection
from django.test import override_settings

from apps.audit.anchors import anchor_file
from apps.audit.fsck import examine
from apps.audit.ids import uuid7
from apps.audit.models import Cosignature, Event, TimeStamp
from apps.engine.canonical import canonical
from tests.audit.outside import witnessed
from tests.audit.test_anchoring import anchor

pytestmark = pytest.mark.slow


@pytest.fixture
def anchored(log, tmp_path):
    """The log of twelve events, cosigned and stamped."""
    with witnessed(tmp_path / "witness"):
        anchor()
        assert Cosignature.objects.exists()
        assert TimeStamp.objects.exists()
        yield log


ATTACKS = {
    "the line of a witness": (
        "UPDATE audit_cosignature SET line = overlay(line placing 'AAAA' from length(line) - 20)",
        "The cosignature of witness.example/w1 over 12 events .* does not hold",
    ),
    "a line over another size": (
        "UPDATE audit_cosignature SET size = 8",
        "The cosignature of witness.example/w1 over 8 events .* does not hold",
    ),
    "a line over nothing": (
        "UPDATE audit_cosignature SET size = 7",
        "over 7 events .* is over a checkpoint that is missing",
    ),
    "a stamp of something else": (
        "UPDATE audit_timestamp SET digest = (SELECT digest FROM audit_statement)",
        "The time stamp of checkpoint 12 .* does not hold: The time stamp is for other bytes",
    ),
    "a stamp of nothing": (
        "UPDATE audit_timestamp SET digest = 'sha256:' || repeat('0', 64)",
        "is over sha256:0+, which the log does not hold",
    ),
    "the time beside a stamp": ("UPDATE audit_timestamp SET at = at - interval '1 day'", "the row beside it"),
    "a key that somebody brought": (
        "INSERT INTO audit_signingkey (key_id, purpose, public, valid_from, event_id) "
        "SELECT 'sha256:' || repeat('1', 64), 'statement', sha256('x'), now(), event_id "
        "FROM audit_signingkey LIMIT 1",
        "stands in the database, and the service never registered it",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_was_done_beside_the_log_is_named(anchored, name):
    statement, sentence = ATTACKS[name]
    assert not anchored.faults()
    anchored.attack(statement)
    with pytest.raises(AssertionError, match=sentence):
        raise AssertionError(anchored.faults()[0])


def test_a_line_whose_witness_is_no_longer_known_is_told_apart(anchored):
    with override_settings(WITNESSES=[]):  # `monkeypatch` would end after `witnessed`, and leave the witness
        account = examine(anchor_file())
    assert not account.problems
    assert "1 cosignatures of witness.example/w1 were not checked" in account.unjudged[0]


def by_hand(previous: UUID | str) -> Event:
    """Whoever holds the service's login can write an event that names any before it."""
    body = json.loads(bytes(Event.objects.filter(doc__prev_object_event__isnull=False)[0].body))
    body |= {"id": str(uuid7()), "prev_object_event": str(previous)}
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (id, body, occurred_at) VALUES (%s, %s, %s)",
            [body["id"], canonical(body), body["ts"]],
        )
    return Event.objects.get(pk=body["id"])


@pytest.mark.parametrize("named", [uuid7(), "no id at all"], ids=["unknown", "none"])
def test_an_event_that_names_none_before_it_is_found(log, named):
    made = by_hand(named)
    log.sequence()
    assert f"The event {made.pk} names" in log.faults()[0]
    assert "which is none of the same object" in log.faults()[0]


def test_an_event_that_names_a_later_one_is_found(log):
    made = by_hand(Event.objects.order_by("-leaf__idx").filter(object_type="model")[0].pk)
    log.sequence()
    assert not log.faults()
    log.attack(
        f"UPDATE audit_leaf SET idx = 99 WHERE event_id = '{made.pk}'",  # noqa: S608
    )
    later = Event.objects.filter(object_type="model", leaf__isnull=False).order_by("leaf__idx")[0]
    log.attack(f"UPDATE audit_leaf SET idx = 100 WHERE event_id = '{later.pk}'")  # noqa: S608
    assert any("stands after it in the log" in fault for fault in log.faults())


def test_events_of_one_moment_that_name_the_same_are_told_and_are_no_fault(log):
    first = Event.objects.filter(object_type="model").order_by("leaf__idx")[0]
    by_hand(first.pk)
    log.sequence()
    account = examine(anchor_file())
    assert not account.problems
    assert any("name the same one before them" in said for said in account.unjudged)
