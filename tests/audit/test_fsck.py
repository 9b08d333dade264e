from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from apps.audit.anchors import AnchorFile, anchor_file
from apps.audit.fsck import examine
from apps.audit.sequencer import LogRefused

TABLES = (
    "event",
    "leaf",
    "node",
    "checkpoint",
    "statement",
    "signingkey",
    "pending",
    "treestate",
    "personal",
)


def test_an_honest_log_is_in_order(log):
    log.grow(1)
    out = io.StringIO()
    call_command("audit_fsck", stdout=out)
    assert "(1 waiting)" in out.getvalue()
    assert "1 statements: all in order" in out.getvalue()


DROP_NEWEST = (
    "DELETE FROM audit_checkpoint WHERE size > 9",
    "CREATE TEMP TABLE gone AS SELECT event_id FROM audit_leaf WHERE idx >= 9",
    "DELETE FROM audit_leaf WHERE idx >= 9",
    "DELETE FROM audit_personal WHERE event_id IN (TABLE gone)",
    "DELETE FROM audit_event WHERE id IN (TABLE gone)",
)
ATTACKS = {
    "T01 one byte of a body": (
        ["UPDATE audit_event SET body = {flip} WHERE id = {event}"],
        "Index 3: the event .* its body was changed",
    ),
    "T02 a body and its leaf hash": (
        [
            "UPDATE audit_event SET body = {flip} WHERE id = {event}",
            "UPDATE audit_leaf l SET leaf_hash = e.leaf_hash FROM audit_event e WHERE e.id = l.event_id",
        ],
        "The first 8 events do not give the root",
    ),
    "T03 a middle event and its leaf": (
        [
            "DELETE FROM audit_personal WHERE event_id = {event}",
            "DELETE FROM audit_event WHERE id = {event}",
            "DELETE FROM audit_leaf WHERE idx = 3",
        ],
        "Index 3 is missing",
    ),
    "T03 a middle event only": (
        [
            "DELETE FROM audit_personal WHERE event_id = {event}",
            "DELETE FROM audit_event WHERE id = {event}",
        ],
        "Index 3: its event .* is missing",
    ),
    "T04 the newest with their checkpoint": (
        DROP_NEWEST,
        "the file of checkpoints covers 12 events, but 9 are left",
    ),
    "T05 everything": (
        ["TRUNCATE audit_event, audit_checkpoint, audit_node, audit_treestate CASCADE"],
        "The checkpoint of 8 events in the file of checkpoints is not genuine",
    ),
    "T06 two leaves swapped": (
        [
            "UPDATE audit_leaf SET idx = 99 WHERE idx = 3",
            "UPDATE audit_leaf SET idx = 3 WHERE idx = 4",
            "UPDATE audit_leaf SET idx = 4 WHERE idx = 99",
        ],
        "The first 8 events do not give the root",
    ),
    "T07 a back-dated event beside the outbox": (
        [
            "INSERT INTO audit_event "
            "(id, occurred_at, body, action, actor_type, actor_id, object_type, object_id) "
            "SELECT '018f0000-0000-7000-8000-000000000000', '2020-01-01Z', "
            "convert_to(replace(replace(convert_from(body, 'UTF8'), id::text, "
            "'018f0000-0000-7000-8000-000000000000'), doc->>'ts', '2020-01-01T00:00:00.000000Z'), 'UTF8'), "
            "action, actor_type, actor_id, object_type, object_id FROM audit_event WHERE id = {event}"
        ],
        "neither sequenced nor pending",
    ),
    "T09 the index only": (
        ["UPDATE audit_event SET doc = doc - 'reason' - 'v' WHERE id = {event}"],
        "differs from its body; the record itself is intact",
    ),
    "an index column only": (
        ["UPDATE audit_event SET actor_id = '8' WHERE id = {event}"],
        "differs from its body",
    ),
    "a statement gone": (["DELETE FROM audit_statement"], "The statement sha256:.* is missing"),
    "a statement's payload": (
        ["UPDATE audit_statement SET payload = '\\x00'"],
        "does not have that digest",
    ),
    "a statement's envelope": (
        [
            "UPDATE audit_statement SET envelope = "
            "convert_to(replace(convert_from(envelope, 'UTF8'), 'sig', 'sag'), 'UTF8')"
        ],
        "is not genuine",
    ),
    "a key nobody registered": (
        ["UPDATE audit_signingkey SET purpose = 'statement'"],
        "The checkpoint of 8 events in the file of checkpoints is not genuine",
    ),
    "a name beside an event": (
        ["UPDATE audit_personal SET value = '\\x7b7d'"],
        "is not what the event vouches for",
    ),
    "a name beside no event": (
        [
            "INSERT INTO audit_personal (event_id, part, person_id, salt, value) "
            "VALUES ('018f0000-0000-7000-8000-000000000000', 'actor', '7', '', '')"
        ],
        "audit.Personal names the event 018f0000.*, which is missing",
    ),
    "a checkpoint's root": (
        ["UPDATE audit_checkpoint SET root = sha256('') WHERE size = 8"],
        "differs from its own note",
    ),
    "the state of the tree": (["UPDATE audit_treestate SET size = 11"], "The state of the tree does not fit"),
    "both sequenced and pending": (
        ["INSERT INTO audit_pending (event_id) VALUES ({event})"],
        "both sequenced and pending",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_a_superuser_did_is_named_first(log, name):
    statements, sentence = ATTACKS[name]
    log.attack(*statements)
    faults = log.faults()
    assert faults, name
    with pytest.raises(AssertionError, match=sentence):
        raise AssertionError(faults[0])


def rewrite(log, order: str) -> None:
    """The log of nine events anew, in another order, signed with the log's own key."""
    log.attack(
        *DROP_NEWEST,
        "DELETE FROM audit_checkpoint",
        "INSERT INTO audit_pending (event_id) SELECT l.event_id FROM audit_leaf l "  # noqa: S608
        f"JOIN audit_event e ON e.id = l.event_id ORDER BY {order}",
        "DELETE FROM audit_leaf",
        "UPDATE audit_treestate SET size = 0, frontier = ''",
    )
    anchor_file().path.unlink()
    log.sequence()


def test_a_rewrite_that_turns_the_order_is_found_without_the_file(log):
    rewrite(log, "l.idx DESC")
    assert "stands after it in the log" in examine(anchor_file()).problems[0]


def test_a_rewrite_with_the_log_key_is_found_against_the_file_outside(log, tmp_path):
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(anchor_file().path.read_bytes())
    rewrite(log, "e.object_type DESC, e.object_id, l.idx")
    assert not examine(anchor_file()).problems
    assert "it was removed" in log.faults()[0]
    assert (
        "The first 8 events do not give the root that the file of checkpoints holds"
        in log.faults(AnchorFile(kept))[0]
    )


def test_an_old_backup_stops_the_sequencer(log):
    log.attack(
        *DROP_NEWEST,
        "DELETE FROM audit_checkpoint WHERE size = 12",
        "UPDATE audit_treestate SET size = 9",
    )
    with pytest.raises(LogRefused, match="events 9 to 11 are lost"):
        log.sequence()


def test_the_command_names_the_first_fault_and_how_many_more(log):
    log.attack("UPDATE audit_event SET body = {flip} WHERE id = {event}")
    with pytest.raises(CommandError, match=r"Index 3: .*\(\d more; --all names them\)"):
        call_command("audit_fsck", stdout=io.StringIO())
    with pytest.raises(CommandError, match=r"differs from its body|cannot be read"):
        call_command("audit_fsck", "--all", stdout=io.StringIO())


def test_without_a_file_outside_the_log_is_not_vouched_for(log, tmp_path: Path):
    assert "holds no checkpoint" in log.faults(AnchorFile(tmp_path / "none"))[0]


def test_a_sequencer_that_does_not_run_is_told(log, monkeypatch):
    monkeypatch.setattr("apps.audit.management.commands.audit_fsck.LATE", timedelta(0))
    log.grow(2)
    out = io.StringIO()
    call_command("audit_fsck", stdout=out)
    assert "warning: 2 events wait for the tree since" in out.getvalue()
    assert "all in order" in out.getvalue()


def test_the_sequencer_may_not_read_what_is_verified(log):
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE cs_seq")
        try:
            with pytest.raises(CommandError, match="Verify it as the service does"):
                call_command("audit_fsck", stdout=io.StringIO())
        finally:
            cursor.execute("RESET ROLE")


def test_the_log_is_introduced_by_its_verifier_keys(log, tmp_path, capsys):
    call_command("keys", "--verifier-keys")
    key = capsys.readouterr().out.strip()
    assert key.startswith("127.0.0.1:8000/audit/1+")
    for _ in range(2):
        call_command("keys", "--introduce", str(tmp_path / "logs"), verbosity=0)
    assert (tmp_path / "logs").read_text() == f"{key}\n"
