from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.utils import timezone

from apps.audit import queries
from apps.audit.anchoring import duties, store
from apps.audit.anchoring.anchorer import Anchorer
from apps.audit.anchoring.copies import Folder, Git, NotCopied
from apps.audit.anchoring.standing import Colour, standing, why_nothing_is_admitted
from apps.audit.anchoring.witnesses import Unreachable, configured
from apps.audit.anchors import anchor_file, kept_at
from apps.audit.commands import record
from apps.audit.events import EventName
from apps.audit.models import AnchorPlace, Cosignature, Event, TimeStamp
from apps.audit.sequencer import Disagrees
from apps.audit.stopping import LogStopped, mark, stopped
from apps.audit.timestamps import verify
from apps.engine.cosignature import Cosigner
from apps.engine.errors import BadInput
from apps.engine.note import Note
from tests.audit.outside import witnessed
from tests.audit.people import ADA, MODEL
from tests.audit.test_fsck import DROP_NEWEST


@pytest.fixture
def witness(log, tmp_path):
    """The log of twelve events has a witness."""
    with witnessed(tmp_path / "witness") as line:
        yield line


def anchor(*, later: float = 0) -> None:
    """One turn of the anchorer, as the log's own writer; `later` seconds after what it did before."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE cs_seq")
        if later:
            cursor.execute(
                "UPDATE audit_anchorplace SET succeeded_at = succeeded_at - make_interval(secs => %s), "
                "failed_at = failed_at - make_interval(secs => %s)",
                [later, later],
            )
        Anchorer().turn()
    connection.close()


def test_a_published_checkpoint_is_cosigned_kept_and_in_receipts(log, witness):
    anchor()
    row = Cosignature.objects.get()
    cosigner = Cosigner.parse(witness.rpartition("@")[0])
    assert (row.size, row.witness) == (12, "witness.example/w1")
    assert cosigner.signed_at(Note.parse(store.head().cosigned())) == row.at
    log.grow(1)
    log.sequence()
    receipt = queries.inclusion(Event.objects.get(leaf__idx=3).pk)  # under what was witnessed, not the newest
    assert receipt.verify(receipt.extra, queries.keys()).size == 12
    assert cosigner.signed_at(Note.parse(receipt.checkpoint)) == row.at


def test_a_log_that_grew_is_shown_to_have_grown(log, witness):
    anchor()
    log.grow(5)
    log.sequence()
    anchor(later=10)
    assert list(Cosignature.objects.order_by("size").values_list("size", flat=True)) == [12, 17]


def test_a_witness_who_knows_more_than_we_remember_is_asked_again(log, witness):
    anchor()
    log.attack("DELETE FROM audit_anchorplace", "DELETE FROM audit_cosignature")
    log.grow(1)
    log.sequence()
    anchor()
    assert Cosignature.objects.get().size == 13


def test_where_nothing_happens_the_time_is_asked_for_again(log, witness):
    anchor()
    before = AnchorPlace.objects.get(kind="witness").succeeded_at
    anchor()
    assert AnchorPlace.objects.get(kind="witness").succeeded_at == before
    anchor(later=duties.REFRESH)
    assert AnchorPlace.objects.get(kind="witness").succeeded_at > before


def test_t11_two_roots_of_one_size_stop_the_log(log, witness):
    anchor()
    forge_another_history(log)
    anchor(later=duties.REFRESH)
    assert "saw another root than ours for 12 events" in stopped().reason
    assert mark().exists()
    with pytest.raises(Disagrees, match="witness"):
        log.sequence()
    with pytest.raises(LogStopped, match="the log is stopped"):
        record(by=ADA, action=EventName.MODEL_CHANGED, subject=MODEL)
    assert standing().colour == Colour.RED


def forge_another_history(log) -> None:
    """Whoever rules the database and holds the log's key writes the whole log again, of the same size."""
    log.attack(
        "DELETE FROM audit_checkpoint",
        "INSERT INTO audit_pending (event_id) SELECT event_id FROM audit_leaf ORDER BY idx DESC",
        "DELETE FROM audit_leaf",
        "UPDATE audit_treestate SET size = 0, frontier = ''",
    )
    anchor_file().path.unlink()
    log.sequence()


def test_newest_events_cut_off_with_everything_here_are_seen_by_the_witness(log, witness):
    """T04 where even the file of checkpoints was rewritten: only somebody else still knows."""
    anchor()
    log.attack(
        *DROP_NEWEST, "UPDATE audit_treestate SET size = 9", "DELETE FROM audit_checkpoint WHERE size=12"
    )
    path = anchor_file().path
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    anchor(later=10)
    assert "saw 12 events" in stopped().reason
    assert "events 8 to 11 are lost" in stopped().reason


def test_an_unreachable_witness_is_amber_then_red_then_green_again(log, witness, settings):
    anchor()
    now = timezone.now()
    assert standing(now).colour == Colour.GREEN
    assert standing(now + timedelta(minutes=6)).colour == Colour.AMBER
    late = standing(now + timedelta(minutes=20))
    assert (late.colour, late.admits) == (Colour.RED, False)
    assert "20 minutes ago. Nothing is admitted until that is so again." in late.sentence
    assert why_nothing_is_admitted(now + timedelta(minutes=20)) == late.sentence
    assert why_nothing_is_admitted(now) == ""


def test_a_time_that_only_the_row_claims_is_believed_by_nobody(log, witness):
    anchor()
    later = timezone.now() + timedelta(minutes=20)
    log.attack("UPDATE audit_anchorplace SET succeeded_at = now() + interval '20 minutes'")
    assert standing(later).colour == Colour.RED
    log.attack("UPDATE audit_anchorplace SET proof = replace(proof, 'A', 'B')")
    assert standing().anchored_at is None


def test_a_sequencer_that_does_nothing_is_red_though_a_witness_signs(log, witness):
    anchor()
    log.grow(1)
    log.attack(
        "ALTER TABLE audit_event DISABLE TRIGGER USER",
        "UPDATE audit_event SET recorded_at = now() - interval '20 minutes' WHERE id IN "
        "(SELECT event_id FROM audit_pending)",
    )
    found = standing()
    assert found.colour == Colour.RED
    assert "is the sequencer running?" in found.sentence


def test_without_a_witness_health_says_so_and_admissions_go_on(log):
    found = standing()
    assert (found.colour, found.admits) == (Colour.AMBER, True)
    assert "No witness is configured" in found.sentence
    assert why_nothing_is_admitted() == ""


def test_a_witness_that_is_down_is_told_in_words(log, settings, tmp_path):
    with witnessed(tmp_path / "witness") as line:
        pass
    settings.WITNESSES = [line]
    anchor()
    (place,) = [p for p in standing().places if p.kind == "witness"]
    assert "cannot be reached: " in place.sentence
    assert place.succeeded_at is None
    assert why_nothing_is_admitted(timezone.now() + timedelta(minutes=16)).startswith(
        "No witness has vouched"
    )


def test_a_quorum_asks_for_as_many(log, witness, settings):
    anchor()
    settings.WITNESS_QUORUM = 2
    assert standing().anchored_at is None


@pytest.mark.parametrize("line", ["nonsense", "w+00000000+AAAA@http://x", "@http://x", "w@ftp://x"])
def test_a_witness_that_cannot_be_one_is_refused(settings, line):
    settings.WITNESSES = [line]
    with pytest.raises(BadInput):
        configured()
    with pytest.raises(CommandError, match="anchorer stops"):
        call_command("anchor", "--once")


def test_checkpoints_are_stamped_by_an_authority(log):
    anchor()
    stamp = TimeStamp.objects.get()
    assert stamp.about.startswith("checkpoint 12 of ")
    assert verify(bytes(stamp.token), bytes.fromhex(stamp.digest.removeprefix("sha256:"))) == stamp.at


def test_copies_in_a_folder_are_made_once(log, settings, tmp_path):
    settings.ANCHOR_FOLDER = tmp_path / "worm"
    anchor()
    (copy,) = (tmp_path / "worm").rglob("*.note")
    assert copy.read_bytes() == store.head().cosigned()
    assert copy.stat().st_mode & 0o222 == 0
    anchor(later=90_000)
    assert log.faults(kept_at(tmp_path / "worm")) == []
    copy.chmod(0o600)
    copy.write_bytes(copy.read_bytes().replace(b"\n12\n", b"\n13\n"))
    with pytest.raises(NotCopied, match="another tree"):
        Folder(tmp_path / "worm").put(store.head())


def test_copies_in_git_grow_and_are_never_forced(log, settings, tmp_path):
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    settings.ANCHOR_GIT = str(remote)
    anchor()
    log.grow(1)
    log.sequence()
    anchor(later=90_000)
    listed = _git(remote, "ls-tree", "-r", "--name-only", "checkpoints").split()
    assert [Path(name).name for name in listed] == ["0000000000000012.note", "0000000000000013.note"]
    assert _git(remote, "show", f"checkpoints:{listed[1]}") == store.head().cosigned().decode()
    assert _git(remote, "rev-list", "--count", "checkpoints").strip() == "2"


def _git(remote: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=remote, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("remote", ["/nowhere/at/all.git", "--upload-pack=touch /tmp/x", "ext::sh -c true"])
def test_a_repository_that_cannot_be_used_is_told(log, tmp_path, remote):
    with pytest.raises(NotCopied, match="git ls-remote failed"):
        Git(remote, tmp_path / "work").put(store.head())


def test_the_service_cannot_anchor(log, witness):
    with pytest.raises(CommandError, match="COUNTERSIGN_DATABASE_ROLE=sequencer"), transaction.atomic():
        call_command("anchor", "--once")


def test_a_witness_that_signs_another_text_is_no_witness(log, witness):
    head = store.head()
    (one,) = configured()
    forged = store.Head(head.origin, head.size, head.note.replace(b"\n12\n", b"\n11\n"))
    with pytest.raises(Unreachable, match="answered 403"):
        duties.vouch(one, forged, seen=0)
