"""F24: yesterday's backup is restored and the services are started; then a new log is begun by two."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction

from apps.access import commands as access
from apps.audit import commands as audit
from apps.audit import queries
from apps.audit.anchors import AnchorFile, anchor_file
from apps.audit.commands import record
from apps.audit.epoch_check import Epochs
from apps.audit.errors import Forbidden, Refused
from apps.audit.events import EventName
from apps.audit.ids import uuid7
from apps.audit.models import Epoch, EpochProposal, Event, Leaf, TreeState
from apps.audit.sequencer import Disagrees
from apps.audit.states import Actor
from apps.audit.stopping import LogStopped, raise_alarm, stopped
from apps.engine.merkle import CompactRange
from apps.engine.note import open_checkpoint
from tests import factories
from tests.audit.people import ADA, MODEL
from tests.audit.test_fsck import DROP_NEWEST
from tests.bench.measuring import ROOT

OMAR = Actor(type="person", id="omar", name="Omar Owner")


@pytest.fixture
def restored(log):
    """The database as it was at nine events, and the file of checkpoints of twelve."""
    log.attack(
        *DROP_NEWEST,
        "DELETE FROM audit_checkpoint WHERE size = 12",
        f"UPDATE audit_treestate SET size = 9, frontier = '\\x{frontier_of_nine()}'",  # noqa: S608
    )
    return log


def frontier_of_nine() -> str:
    tree = CompactRange()
    leaves = Leaf.objects.filter(idx__lt=9).order_by("idx").values_list("leaf_hash", flat=True)
    list(tree.extend([bytes(leaf) for leaf in leaves]))
    return tree.to_bytes().hex()


@pytest.fixture
def stopped_log(restored):
    with pytest.raises(Disagrees) as refused:
        restored.sequence()
    raise_alarm_as_sequencer(str(refused.value))  # the test's own transaction took it back
    return restored


def raise_alarm_as_sequencer(reason: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE cs_seq")
        raise_alarm(reason)
    connection.close()


@pytest.mark.slow
def test_the_sequencer_itself_stops_the_service_and_names_what_is_lost(
    restored, fresh_database, state_folder
):
    environment = fresh_database.environment() | {
        "COUNTERSIGN_DATABASE_ROLE": "sequencer",
        "COUNTERSIGN_STATE": str(state_folder),
    }
    command = [sys.executable, "manage.py", "sequence"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "covers 12 events, but the database holds 9: events 9 to 11 are lost" in done.stderr
    assert "Traceback" not in done.stderr
    assert "events 9 to 11 are lost" in stopped().reason
    with pytest.raises(LogStopped, match="events 9 to 11 are lost"):
        record(by=ADA, action=EventName.MODEL_CHANGED, subject=MODEL)


def test_while_it_is_stopped_nothing_is_written_not_even_by_raw_sql(stopped_log):
    before = Event.objects.count()
    with pytest.raises(LogStopped, match="the log is stopped"):
        record(by=ADA, action=EventName.MODEL_CHANGED, subject=MODEL)
    by_hand = (
        "INSERT INTO audit_event (id, body, occurred_at) SELECT %s, convert_to(replace(convert_from(body, "
        "'UTF8'), id::text, %s), 'UTF8'), occurred_at FROM audit_event LIMIT 1"
    )
    other = str(uuid7())
    with pytest.raises(DatabaseError, match="are lost"), transaction.atomic():
        connection.cursor().execute(by_hand, [other, other])
    assert Event.objects.count() == before
    assert record(by=ADA, action=EventName.SESSION_OPENED, subject=MODEL).pk


def test_a_new_log_takes_two_and_goes_on_from_what_is_left(stopped_log):
    audit.propose_epoch(by=ADA, reason="The disk of the database burned.")
    with pytest.raises(Refused, match="two people"):
        audit.confirm_epoch(by=ADA)
    epoch = audit.confirm_epoch(by=OMAR)
    stopped_log.sequence()
    assert stopped() is None
    first = Leaf.objects.get(idx=9).event
    assert (first.pk, first.action) == (epoch.event_id, "epoch.opened")
    newest = open_checkpoint(bytes(queries.latest_checkpoint().note), queries.keys())
    assert (newest.origin, newest.size) == ("127.0.0.1:8000/audit/2", TreeState.objects.get().size)
    stopped_log.grow(2)
    stopped_log.sequence()
    assert anchor_file().last().checkpoint.origin.endswith("/audit/2")


def test_the_verifier_knows_both_logs_and_what_was_declared_lost(stopped_log):
    audit.propose_epoch(by=ADA, reason="The disk burned.")
    audit.confirm_epoch(by=OMAR)
    stopped_log.sequence()
    out = io.StringIO()
    call_command("audit_fsck", stdout=out)
    assert "events 9 to 11 of 127.0.0.1:8000/audit/1 are lost" in out.getvalue()
    assert "all in order" in out.getvalue()


def test_the_opening_alone_may_stand_before_what_it_names(stopped_log):
    audit.propose_epoch(by=ADA, reason="The disk burned.")
    opening = audit.confirm_epoch(by=OMAR)
    stopped_log.sequence()
    stopped_log.grow(2)
    stopped_log.sequence()
    assert not stopped_log.faults()
    proposed = Leaf.objects.get(event=opening.proposal.event)
    assert proposed.idx > Leaf.objects.get(event=opening.event).idx
    newest = Leaf.objects.order_by("-idx")[0]
    for begin, end in ((newest.idx, 999), (newest.idx - 1, newest.idx), (999, newest.idx - 1)):
        stopped_log.attack(f"UPDATE audit_leaf SET idx = {end} WHERE idx = {begin}")  # noqa: S608
    found = [fault for fault in stopped_log.faults() if "stands after it in the log" in fault]
    assert len(found) == 1
    assert str(newest.event_id) in found[0]


def test_what_is_left_must_still_be_what_was_signed(stopped_log):
    audit.propose_epoch(by=ADA, reason="The disk burned.")
    audit.confirm_epoch(by=OMAR)
    stopped_log.sequence()
    stopped_log.attack("UPDATE audit_event SET body = {flip} WHERE id = {event}")
    assert "Index 3: " in stopped_log.faults()[0]


def test_an_opening_that_only_the_database_knows_is_a_fault(stopped_log, state_folder):
    audit.propose_epoch(by=ADA, reason="The disk burned.")
    audit.confirm_epoch(by=OMAR)
    (state_folder / "epochs.jsonl").unlink()
    assert any("not on the log's own machine" in fault for fault in Epochs.read().faults)
    with pytest.raises(Disagrees, match="events 9 to 11 are lost"):
        stopped_log.sequence()


def test_what_changed_since_it_was_proposed_is_proposed_again(stopped_log):
    audit.propose_epoch(by=ADA, reason="The disk burned.")
    kept = anchor_file().path.read_bytes().splitlines(keepends=True)
    anchor_file().path.write_bytes(kept[0])
    with pytest.raises(Refused, match="propose it again"):
        audit.confirm_epoch(by=OMAR)


def test_a_longer_log_than_was_declared_is_a_fault(stopped_log):
    """Whoever kept a later checkpoint of the old log than the opening names has found something out."""
    audit.propose_epoch(by=ADA, reason="The disk burned.")
    path = anchor_file().path
    opening = audit.confirm_epoch(by=OMAR)
    stopped_log.sequence()
    assert opening.proposal.after_size == 12
    line = json.loads(path.read_bytes().splitlines()[1])
    line["note"] = line["note"].replace("\n12\n", "\n14\n")
    kept = path.with_name("kept.jsonl")
    kept.write_text(json.dumps(line) + "\n")
    assert any("does not account for" in fault for fault in stopped_log.faults(AnchorFile(kept)))


def test_no_log_is_begun_while_the_old_one_is_well(log):
    with pytest.raises(Refused, match="The log is not stopped"):
        audit.propose_epoch(by=ADA, reason="Out of boredom.")
    with pytest.raises(Refused, match="A reason is needed"):
        audit.propose_epoch(by=ADA, reason=" ")
    with pytest.raises(Refused, match="Nobody proposed"):
        audit.confirm_epoch(by=ADA)


def test_the_database_itself_asks_for_two_people(stopped_log):
    audit.propose_epoch(by=ADA, reason="The disk burned.")
    proposal = Event.objects.get(action="epoch.proposed")
    row = EpochProposal.objects.get()
    for one, other in ((ADA.id, ADA.id), ("somebody", "else")):
        with pytest.raises(DatabaseError), transaction.atomic():
            Epoch.objects.create(number=2, proposal=row, proposed_by=one, confirmed_by=other, event=proposal)


def test_by_command_with_passwords(log, monkeypatch, capsys):
    head, admin, developer = factories.head(), factories.administrator(), factories.developer()
    raise_alarm_as_sequencer("events 12 to 13 are lost")
    with pytest.raises(Forbidden):
        access.propose_epoch(by=developer, reason="I wish.")
    answers = iter([factories.PASSWORD] * 3)
    monkeypatch.setattr("governance.management.commands.audit_epoch.ask", lambda words: next(answers))
    call_command("audit_epoch", "propose", "--reason", "The disk burned.", "--as", head.username)
    with pytest.raises(CommandError, match="two people"):
        call_command("audit_epoch", "confirm", "--as", head.username)
    call_command("audit_epoch", "confirm", "--as", admin.username)
    assert "/audit/2 is begun. Start the sequencer again" in capsys.readouterr().out
