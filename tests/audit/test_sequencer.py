from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction

from apps.audit import queries
from apps.audit.anchors import AnchorFile, anchor_file
from apps.audit.commands import end_key, record, register_key
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.models import Checkpoint, Event, Leaf, Node, Pending
from apps.audit.sequencer import LogRefused, Sequencer, checkpoint_signer
from apps.engine.keys import Purpose
from apps.engine.merkle import BadProof, leaf_hash, root_of, verify_consistency
from apps.engine.note import LogProof
from tests.audit.people import MODEL, RELAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(as_role):
    """A sequencer with the rights of a sequencer; `log.drain()` sequences what waits."""
    register_key(by=RELAY, purpose=Purpose.CHECKPOINT)
    return Log(as_role)


class Log:
    def __init__(self, as_role):
        self._as_role = as_role
        self.sequencer = Sequencer(anchor_file())

    def drain(self):
        with self._as_role("sequencer"):
            return self.sequencer.drain()


def record_many(count: int) -> list[Event]:
    return [record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL) for _ in range(count)]


def leaves() -> list[bytes]:
    return [bytes(leaf) for leaf in Leaf.objects.order_by("idx").values_list("leaf_hash", flat=True)]


def test_every_event_gets_an_index_without_gaps(log):
    record_many(4)
    assert log.drain() == 5
    record_many(2)
    assert log.drain() == 2
    assert list(Leaf.objects.order_by("idx").values_list("idx", flat=True)) == list(range(7))
    assert not Pending.objects.exists()
    assert {leaf_hash(bytes(e.body)) for e in Event.objects.all()} == set(leaves())


def test_a_checkpoint_states_the_root_and_is_outside_first(log):
    record_many(3)
    log.drain()
    checkpoint = queries.latest_checkpoint()
    assert (checkpoint.size, bytes(checkpoint.root)) == (4, root_of(leaves()))
    assert anchor_file().last().note == bytes(checkpoint.note)


def test_nothing_new_signs_nothing_new(log):
    log.drain()
    log.drain()
    assert Checkpoint.objects.count() == 1
    assert len(list(anchor_file())) == 1


def test_an_event_is_proved_included(log):
    first, *rest = record_many(5)
    assert queries.inclusion(first.pk) is None
    log.drain()
    for event in (first, rest[-1]):
        proof = LogProof.parse(queries.inclusion(event.pk).to_bytes())
        assert proof.verify(bytes(event.body), queries.keys()).size == 6
        with pytest.raises(BadProof):
            proof.verify(bytes(event.body) + b" ", queries.keys())


def test_an_unknown_event_has_no_proof():
    with pytest.raises(Refused, match="no event"):
        queries.inclusion("018f0000-0000-7000-8000-000000000000")


def test_later_logs_are_consistent_with_earlier_ones(log):
    log.drain()
    old = queries.latest_checkpoint()
    record_many(6)
    log.drain()
    new = queries.latest_checkpoint()
    verify_consistency(
        old=old.size,
        new=new.size,
        old_root=bytes(old.root),
        new_root=bytes(new.root),
        proof=queries.consistency(old.size, new.size),
    )


@pytest.mark.slow
def test_proofs_in_a_longer_log_read_stored_subtrees(log):
    events = record_many(700)
    log.drain()
    assert Node.objects.count() == 2
    for event in (events[0], events[300], events[-1]):
        assert queries.inclusion(event.pk).verify(bytes(event.body), queries.keys()).size == 701


def test_without_a_registered_key_nothing_is_signed(as_role):
    record_many(1)
    with pytest.raises(LogRefused, match="There is no registered key"):
        Log(as_role).drain()
    assert anchor_file().last() is None
    assert Pending.objects.count() == 1


def test_a_retired_key_signs_no_more(log):
    end_key(by=RELAY, key_id=checkpoint_signer().key_id, reason="yearly change")
    with pytest.raises(LogRefused, match="no registered key"):
        log.drain()


def test_a_file_that_is_ahead_stops_the_log(log, state_folder):
    record_many(3)
    log.drain()
    kept = anchor_file().path.read_bytes()
    anchor_file().path.write_bytes(_ahead(kept, 9))
    with pytest.raises(LogRefused, match="events 4 to 8 are lost"):
        Log(log._as_role).drain()


def _ahead(kept: bytes, size: int) -> bytes:
    line = json.loads(kept)
    line["note"] = line["note"].replace("\n4\n", f"\n{size}\n")
    return kept + json.dumps(line).encode() + b"\n"


def test_another_history_under_the_same_indexes_stops_the_log(log):
    log.drain()
    line = json.loads(anchor_file().path.read_bytes())
    root = line["note"].split("\n")[2]
    line["note"] = line["note"].replace(root, "A" * 43 + "=")
    anchor_file().path.write_text(json.dumps(line) + "\n")
    with pytest.raises(LogRefused, match="other ones under the same indexes"):
        Log(log._as_role).drain()


def test_a_lost_file_is_not_replaced_in_silence(log):
    log.drain()
    anchor_file().path.unlink()
    with pytest.raises(LogRefused, match="--adopt"):
        Log(log._as_role).drain()
    record_many(1)
    adopting = Log(log._as_role)
    adopting.sequencer.adopt = True
    assert adopting.drain() == 1
    assert [a.checkpoint.size for a in anchor_file()] == [1, 2]


def test_a_crash_between_file_and_database_is_made_good(log, as_role):
    record_many(2)
    log.drain()
    note = bytes(queries.latest_checkpoint().note)
    with as_role("owner"):
        _forget_checkpoints()
    Log(log._as_role).drain()
    assert bytes(queries.latest_checkpoint().note) == note
    assert len(list(anchor_file())) == 1


def _forget_checkpoints() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_checkpoint DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM audit_checkpoint")


def test_a_line_cut_off_by_a_crash_does_not_count(log, tmp_path):
    log.drain()
    path = anchor_file().path
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    assert anchor_file().last().checkpoint.size == 1
    record_many(1)
    log.drain()
    assert [a.checkpoint.size for a in AnchorFile(path)] == [1, 2]


def test_a_damaged_line_is_named(log):
    log.drain()
    path = anchor_file().path
    path.write_bytes(path.read_bytes().replace(b"note", b"nota"))
    with pytest.raises(Refused, match="last line is damaged"):
        Log(log._as_role).drain()


def test_the_command_sequences_what_waits(log, as_role, capsys):
    record_many(2)
    with as_role("sequencer"):
        call_command("sequence", "--once")
    assert "3 events sequenced" in capsys.readouterr().out


def test_the_command_says_why_it_stops(as_role):
    with as_role("sequencer"), pytest.raises(CommandError, match="There is no registered key"):
        call_command("sequence", "--once")


def test_the_command_says_that_it_has_the_wrong_role(log):
    with pytest.raises(CommandError, match="COUNTERSIGN_DATABASE_ROLE=sequencer"), transaction.atomic():
        call_command("sequence", "--once")
