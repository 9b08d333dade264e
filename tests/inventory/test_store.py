from __future__ import annotations

import hashlib
import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings

from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event
from apps.inventory import store
from apps.inventory.commands import store_blob
from apps.inventory.models import Blob
from apps.inventory.queries import has_blob
from apps.inventory.store import LocalStore
from tests import factories

pytestmark = pytest.mark.django_db

DATA = os.urandom(64) + b"scores"
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "STATE", tmp_path)


def stored(data: bytes = DATA, **fields) -> Blob:
    return store_blob(**{"by": factories.developer(), "stream": io.BytesIO(data), **fields})


def drafts(root: Path) -> list[Path]:
    return list((root / "blobs" / "incoming").iterdir())


def test_bytes_lie_under_their_digest_for_the_service_alone(tmp_path):
    blob = stored(expected_digest=DIGEST)
    assert (blob.digest, blob.size) == (DIGEST, len(DATA))
    path = store.path(DIGEST)
    assert path == tmp_path / "blobs" / DIGEST[7:9] / DIGEST[7:]
    assert path.stat().st_mode & 0o777 == 0o400
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with store.open(DIGEST) as file:
        assert file.read() == DATA


def test_how_bytes_begin_is_told_without_reading_all():
    stored()
    assert store.the_store().begins(DIGEST, 4) == DATA[:4]
    with pytest.raises(NotFound, match="not in the store"):
        store.the_store().begins("sha256:" + "0" * 64, 4)


def test_the_same_bytes_again_are_one_row_and_one_event(tmp_path):
    assert stored() == stored(by=factories.validator())
    assert Event.objects.filter(action="blob.stored").count() == 1
    assert drafts(tmp_path) == []


def test_other_bytes_than_announced_leave_nothing(tmp_path):
    with pytest.raises(Invalid, match="not sha256:0000") as refused:
        stored(expected_digest="0" * 64)
    assert refused.value.field == "digest"
    assert not Blob.objects.exists()
    assert drafts(tmp_path) == []
    with pytest.raises(NotFound):
        store.path(DIGEST)


@pytest.mark.parametrize(
    "digest", ["", "sha256:12", "md5:" + "0" * 64, "../../etc/passwd", "A" * 64, None, 7]
)
def test_a_digest_has_one_form(digest):
    with pytest.raises(Invalid, match="is no digest"):
        store.path(digest)


def test_too_many_bytes_are_refused_while_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "LARGEST_UPLOAD", 1000, raising=False)
    with pytest.raises(Invalid, match="more than 1,000 bytes") as refused:
        stored(b"x" * 1001)
    assert refused.value.code == "too_large"
    assert drafts(tmp_path) == []


def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Refused, match="store is full") as refused:
        stored()
    assert refused.value.code == "no_space"
    assert drafts(tmp_path) == []


def test_an_upload_that_breaks_off_leaves_no_half_file(tmp_path):
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise ConnectionResetError("the client went away")

    with pytest.raises(ConnectionResetError):
        stored(stream=Broken())
    assert drafts(tmp_path) == []


def test_what_a_killed_process_left_is_swept_away_later(tmp_path):
    stored()
    old, new = (tmp_path / "blobs" / "incoming" / name for name in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    stored(b"other")
    assert drafts(tmp_path) == [new]


@pytest.mark.parametrize(
    "harm", [lambda data: data[:-1], lambda data: data + b"!", lambda data: b"X" + data[1:]]
)
def test_changed_bytes_are_never_given_out(harm):
    stored()
    path = store.path(DIGEST)
    path.chmod(0o600)
    path.write_bytes(harm(DATA))
    with pytest.raises(Refused, match="were changed") as refused, store.open(DIGEST):
        pass
    assert refused.value.code == "damaged"
    stored()
    assert store.path(DIGEST).read_bytes() == DATA


def test_a_linked_file_has_the_same_bytes(tmp_path):
    stored()
    store.link(DIGEST, tmp_path / "run" / "data" / "holdout.csv")
    assert (tmp_path / "run" / "data" / "holdout.csv").read_bytes() == DATA
    assert not LocalStore(tmp_path / "elsewhere").root.exists()


def test_who_registers_nothing_stores_nothing():
    with pytest.raises(Forbidden, match="register versions or make reports"):
        stored(by=factories.person("reader", "auditor"))
    assert not Blob.objects.exists()


def test_bytes_are_known_to_whoever_handed_them_in_and_to_nobody_else():
    stored()
    assert has_blob(factories.developer(), DIGEST)
    assert not has_blob(factories.validator(), DIGEST)
    assert not has_blob(factories.person("dev-two", "developer"), DIGEST)
    assert has_blob(factories.person("dev-second", identity="dev"), DIGEST)


def test_uploads_side_by_side_do_not_trip_over_each_others_drafts(tmp_path):
    kept = LocalStore(tmp_path / "blobs")

    def many(worker: int) -> list[str]:
        data = [b"%d %d" % (worker, n) for n in range(150)]
        return [kept.put(io.BytesIO(each), largest=100, expected=None).digest for each in data]

    with ThreadPoolExecutor(8) as pool:
        digests = {digest for found in pool.map(many, range(8)) for digest in found}
    assert len(digests) == 1200
    assert not list(kept.incoming.iterdir())
