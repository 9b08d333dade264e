"""Quotas, sweeping, and the books compared with the store."""

from __future__ import annotations

import hashlib
import io
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.access import commands as access
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.audit.states import system
from apps.inventory import commands, queries, room
from apps.inventory.models import Blob, BusinessUnit, StoredBytes
from apps.inventory.reconciling import compared
from apps.inventory.store import the_store
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")
RELAY = system("relay")


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings) -> None:
    settings.STORE = {"root": tmp_path / "store"}


@pytest.fixture
def retail() -> BusinessUnit:
    return bank.version().model.unit


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def stored(data: bytes = b"rows", **fields) -> Blob:
    given = {"by": factories.developer(), "stream": io.BytesIO(data), "size": len(data), **fields}
    return commands.store_blob(**given)


def set_quota(size: int, unit: BusinessUnit | None = None):
    return commands.set_quota(by=factories.administrator(), size=size, unit=unit, reason="a small disk")


def aged(blob: Blob, days: int = 8) -> Blob:
    StoredBytes.objects.filter(pk=blob.pk).update(kept_at=timezone.now() - timedelta(days=days))
    return blob


# Quotas -------------------------------------------------------------------------------------------------


def test_what_does_not_fit_everybodys_quota_is_refused_before_a_byte_is_read():
    class Unread:
        def read(self, size: int, /) -> bytes:
            raise AssertionError("a byte was read")

    kept = room.usage_of(None).kept
    set_quota(kept + 10)
    with pytest.raises(Refused, match=r"11 bytes do not fit: the whole installation keeps") as refused:
        stored(stream=Unread(), size=11)
    assert refused.value.code == "over_quota"
    assert stored(b"x" * 10).size == 10


def test_a_unit_has_a_quota_of_its_own(retail):
    kept = room.usage_of(retail).kept
    set_quota(kept + 5, retail)
    with pytest.raises(Refused, match=f"the unit {retail.key} keeps {kept:,} bytes of {kept + 5:,}"):
        stored(b"x" * 6, unit=retail.key)
    stored(b"x" * 5, unit=retail.key)
    assert room.usage_of(retail).kept == kept + 5


def test_a_size_that_was_not_true_is_refused_in_the_end():
    set_quota(room.usage_of(None).kept + 10)
    with pytest.raises(Refused, match="11 bytes do not fit"):
        stored(b"x" * 11, size=1)
    assert not Blob.objects.filter(pk=digest_of(b"x" * 11)).exists()


def test_open_uploads_hold_their_room():
    set_quota(room.usage_of(None).kept + 10)
    by = factories.developer()
    begun = commands.begin_upload(by=by, digest=digest_of(b"x" * 8), size=8)
    with pytest.raises(Refused, match="and 8 promised to open uploads"):
        commands.begin_upload(by=by, digest=digest_of(b"y" * 3), size=3)
    commands.add_piece(by=by, upload_id=begun.pk, offset=0, stream=io.BytesIO(b"x" * 8))
    assert commands.complete_upload(by=by, upload_id=begun.pk).size == 8


def test_bytes_that_are_kept_already_cost_nothing_twice():
    stored(b"x" * 10)
    set_quota(room.usage_of(None).kept)
    assert stored(b"x" * 10, by=factories.developer(), size=0).size == 10


def test_a_version_counts_to_the_unit_of_its_model(retail):
    version = bank.version()
    data = version.datasets.get(name="holdout")
    assert data.blob.units.get().unit == retail
    assert room.usage_of(retail).kept >= data.blob.size


def test_a_version_whose_bytes_were_removed_is_not_registered(retail):
    gone = stored()
    StoredBytes.objects.filter(pk=gone.pk).update(removed_at=timezone.now())
    with pytest.raises(Refused, match="were removed from the store; upload them again"):
        room.still_kept([gone.pk])
    assert not queries.has_blob(factories.developer(), gone.pk)


def test_nobody_but_the_administrator_sets_a_quota(retail):
    with pytest.raises(Forbidden, match="Only the role Administrator"):
        commands.set_quota(by=factories.head(), size=1, unit=retail, reason="mine")
    with pytest.raises(Invalid, match="no quota"):
        set_quota(-1)
    set_quota(7, retail)
    told = Event.objects.get(action="quota.set")
    assert told.doc["after"] == {"bytes": 7}


def test_another_units_quota_is_not_drawn_on():
    with pytest.raises(Invalid, match='You register no versions in a business unit "elsewhere"'):
        stored(unit="elsewhere")


# Sweeping -----------------------------------------------------------------------------------------------


def test_bytes_that_no_version_names_go_after_a_week(django_capture_on_commit_callbacks):
    old, young = aged(stored(b"old")), stored(b"young")
    with django_capture_on_commit_callbacks(execute=True):
        assert commands.sweep_blobs(by=RELAY) == [old]
    assert not the_store().has(old.pk)
    assert the_store().has(young.pk)
    told = Event.objects.get(action="store.swept").doc
    assert told["before"] == {"files": 1, "bytes": 3}
    assert told["after"]["digests"] == [old.pk]
    assert not queries.has_blob(factories.developer(), old.pk)
    assert commands.sweep_blobs(by=RELAY) == []


def test_what_a_version_or_a_report_names_is_never_swept():
    everything = set(Blob.objects.values_list("pk", flat=True))
    StoredBytes.objects.update(kept_at=timezone.now() - timedelta(days=400))
    swept = {blob.pk for blob in commands.sweep_blobs(by=RELAY)}
    version = bank.version()
    named = {version.manifest_digest, version.artifact_id, *version.datasets.values_list("blob", flat=True)}
    assert not swept & named
    assert everything - swept >= named - {None}


def test_what_the_service_made_is_never_swept():
    made = aged(commands.keep_made(by=RELAY, data=b"a summary", media="text/plain"))
    assert made not in commands.sweep_blobs(by=RELAY)


def test_swept_bytes_that_are_sent_again_are_kept_again(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        commands.sweep_blobs(by=RELAY) if aged(stored()) else None
    again = stored()
    assert the_store().has(again.pk)
    assert queries.has_blob(factories.developer(), again.pk)
    assert commands.sweep_blobs(by=RELAY) == []


def test_bytes_sent_again_while_they_are_swept_stay(django_capture_on_commit_callbacks):
    aged(stored())
    with django_capture_on_commit_callbacks() as later:
        commands.sweep_blobs(by=RELAY)
    stored()
    for each in later:
        each()
    assert the_store().has(digest_of(b"rows"))


def test_a_hold_on_everything_keeps_everything():
    aged(stored())
    access.place_hold(by=factories.head(), reason="Case 4711")
    assert commands.sweep_blobs(by=RELAY) == []


def test_a_hold_on_a_model_keeps_what_its_builders_handed_in():
    model = bank.version().model
    aged(stored(b"of a builder", by=bank.version().registered_by))
    access.place_hold(by=factories.head(), reason="Case 4711", model=model.key)
    assert commands.sweep_blobs(by=RELAY) == []


def test_a_dry_run_shows_and_removes_nothing(capsys):
    aged(stored(b"old"))
    call_command("sweep_blobs")
    assert "1 could be removed: no version names them and they are 7 days old" in capsys.readouterr().out
    call_command("sweep_blobs", "--remove")
    assert "1 removed" in capsys.readouterr().out
    assert Event.objects.filter(action="store.swept").count() == 1


# The books and the store --------------------------------------------------------------------------------


@pytest.fixture
def only_mine() -> Blob:
    """Books that speak of one file alone."""
    StoredBytes.objects.update(removed_at=timezone.now())
    return stored()


def test_books_and_store_agree(only_mine):
    found = compared(read=True)
    assert (found.ok, found.sound) == (True, 1)


def test_what_is_missing_is_named(only_mine, capsys):
    the_store().remove(only_mine.pk)
    assert compared().missing == [only_mine.pk]
    with pytest.raises(CommandError, match="differ"):
        call_command("store_fsck")
    assert f"missing   {only_mine.pk}" in capsys.readouterr().out


def test_what_no_row_speaks_of_is_named_and_removed(
    only_mine, tmp_path, django_capture_on_commit_callbacks, capsys
):
    stray = tmp_path / "store" / "zz" / "a note"
    stray.parent.mkdir()
    stray.write_bytes(b"what is this")
    assert compared().extra == []  # whoever put it may be writing its row at this moment
    os.utime(stray, (time.time() - 7200,) * 2)
    assert [entry.place for entry in compared().extra] == ["zz/a note"]
    with django_capture_on_commit_callbacks(execute=True):
        call_command("store_fsck", "--remove-extra", "--by", "admin", "--reason", "left over")
    assert not stray.exists()
    assert Event.objects.get(action="store.mended").doc["after"]["places"] == ["zz/a note"]
    assert the_store().has(only_mine.pk)


def test_changed_bytes_are_found_when_they_are_read(only_mine, capsys):
    path = the_store().path(only_mine.pk)
    path.chmod(0o600)
    path.write_bytes(b"ROWS")
    assert compared().ok
    with pytest.raises(CommandError, match="differ"):
        call_command("store_fsck", "--read")
    assert f"changed   {only_mine.pk}" in capsys.readouterr().out


def test_bytes_of_another_size_are_found_without_reading(only_mine):
    path = the_store().path(only_mine.pk)
    path.chmod(0o600)
    path.write_bytes(b"more rows")
    assert compared().wrong_size == [only_mine.pk]


def test_nobody_but_the_administrator_removes_strays(only_mine):
    with pytest.raises(Forbidden):
        commands.remove_strays(by=factories.developer(), reason="mine")
    with pytest.raises(Refused, match="Nothing lies in the store"):
        commands.remove_strays(by=factories.administrator(), reason="tidy")
