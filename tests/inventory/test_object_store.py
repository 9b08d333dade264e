"""The same store in a bucket: every test talks to a real S3-compatible server."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import obstore
import pytest

from apps.audit.errors import Invalid, NotFound, Refused
from apps.inventory.stores.cache import Cache
from apps.inventory.stores.common import Unreachable, place_of
from apps.inventory.stores.objects import BLOBS, Bucket, ObjectStore, connected
from tests.s3 import READER, WRITER, ObjectStorage

pytestmark = pytest.mark.slow
DATA = os.urandom(3000)


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


DIGEST = digest_of(DATA)


@pytest.fixture
def place(object_storage: ObjectStorage, tmp_path: Path) -> dict[str, object]:
    return object_storage.place(prefix=f"t/{tmp_path.name}")


@pytest.fixture
def kept(place, tmp_path) -> ObjectStore:
    return opened(place, tmp_path / "cache")


def opened(place, folder: Path, *, limit: int = 1 << 30, writes: bool = True, **reader: str) -> ObjectStore:
    writer = Bucket(**place, **WRITER) if writes else None
    return ObjectStore(writer, Bucket(**place, **(reader or READER)), cache=Cache(folder, limit))


def put(store: ObjectStore, data: bytes = DATA, expected: str | None = None) -> str:
    return store.put(io.BytesIO(data), largest=64 << 20, expected=expected).digest


def overwrite(place, data: bytes, digest: str = DIGEST) -> None:
    obstore.put(connected(Bucket(**place, **WRITER)), BLOBS + place_of(digest), data)


def test_bytes_go_to_the_bucket_and_come_back_on_another_machine(kept, place, tmp_path):
    assert put(kept, expected=DIGEST) == DIGEST
    elsewhere = opened(place, tmp_path / "other")
    assert elsewhere.has(DIGEST)
    assert elsewhere.begins(DIGEST, 4) == DATA[:4]
    with elsewhere.open(DIGEST) as file:
        assert file.read() == DATA
    assert elsewhere.path(DIGEST).stat().st_mode & 0o777 == 0o400


def test_a_file_of_many_pieces_is_sent_and_fetched_in_pieces(kept, place, tmp_path):
    data = os.urandom(1 << 20) * 20
    digest = put(kept, data)
    with opened(place, tmp_path / "other").open(digest) as file:
        assert file.read() == data


def test_other_bytes_than_announced_never_reach_the_bucket(kept):
    with pytest.raises(Invalid, match="not sha256:0000"):
        put(kept, expected="sha256:" + "0" * 64)
    assert list(kept.entries()) == []


def test_too_many_bytes_never_reach_the_bucket(kept):
    with pytest.raises(Invalid, match="more than 10 bytes"):
        kept.put(io.BytesIO(DATA), largest=10, expected=None)
    assert list(kept.entries()) == []


def test_what_is_not_there_is_named(kept):
    with pytest.raises(NotFound, match=f"The bytes {DIGEST} are not in the store"):
        kept.path(DIGEST)
    with pytest.raises(NotFound, match="not in the store"):
        kept.begins(DIGEST, 4)
    assert not kept.has(DIGEST)


def test_an_object_that_was_changed_is_never_given_out_and_is_healed_by_sending_it_again(
    kept, place, tmp_path
):
    put(kept)
    overwrite(place, b"X" + DATA[1:])
    other = opened(place, tmp_path / "other")
    with pytest.raises(Refused, match=f"{DIGEST} were changed") as refused:
        other.path(DIGEST)
    assert refused.value.code == "damaged"
    assert list((tmp_path / "other" / "incoming").iterdir()) == []
    put(kept)
    assert other.path(DIGEST).read_bytes() == DATA


def test_a_copy_that_was_changed_on_this_machine_is_fetched_anew(kept):
    put(kept)
    copy = kept.path(DIGEST)
    copy.chmod(0o600)
    copy.write_bytes(b"other rows")
    with kept.open(DIGEST) as file:
        assert file.read() == DATA


def test_copies_serve_while_the_bucket_is_away(kept, place, tmp_path):
    put(kept)
    away = {**place, "endpoint": "http://127.0.0.1:1", "timeout_s": 1}
    offline = opened(away, tmp_path / "cache")
    assert offline.path(DIGEST).read_bytes() == DATA
    with pytest.raises(Unreachable, match="out of reach: the object storage did not answer"):
        offline.has(DIGEST)
    with pytest.raises(Unreachable):
        opened(away, tmp_path / "empty").path(DIGEST)


def test_the_cache_stays_within_its_size_and_forgets_the_least_used(place, tmp_path):
    small = opened(place, tmp_path / "small", limit=2500)
    first, second, third = (put(small, os.urandom(1000)) for _ in range(3))
    names = {path.name for path in (tmp_path / "small").glob("??/*")}
    assert names == {digest.removeprefix("sha256:") for digest in (second, third)}
    assert small.path(first).stat().st_size == 1000


def test_a_reader_reads_and_cannot_write(kept, place, tmp_path):
    put(kept)
    reader = opened(place, tmp_path / "worker", writes=False)
    assert reader.path(DIGEST).read_bytes() == DATA
    with pytest.raises(Refused, match="may only read the store") as refused:
        put(reader, b"forged")
    assert refused.value.code == "read_only"


def test_the_storage_itself_refuses_what_a_reader_writes(kept, place, tmp_path):
    put(kept)
    forger = ObjectStore(
        Bucket(**place, **READER), Bucket(**place, **READER), cache=Cache(tmp_path / "w", 1 << 30)
    )
    for act in (lambda: put(forger, b"forged"), lambda: forger.remove(DIGEST)):
        with pytest.raises(Unreachable, match="the object storage refused the service"):
            act()
    assert kept.has(DIGEST)


def test_wrong_keys_are_told_without_the_secret(place, tmp_path):
    wrong = opened(place, tmp_path / "x", key_id="READER", secret="not-this-one")
    with pytest.raises(Unreachable) as refused:
        wrong.path(DIGEST)
    assert "not-this-one" not in str(refused.value)
    assert "not-this-one" not in repr(Bucket(**place, key_id="k", secret="not-this-one"))


def test_everything_in_the_bucket_is_listed_also_what_has_no_place_there(kept, place):
    put(kept)
    obstore.put(connected(Bucket(**place, **WRITER)), BLOBS + "stray.txt", b"what is this")
    found = {entry.place: (entry.digest, entry.size) for entry in kept.entries()}
    assert found == {place_of(DIGEST): (DIGEST, 3000), "stray.txt": ("", 12)}
    kept.discard("stray.txt")
    kept.remove(DIGEST)
    kept.remove(DIGEST)
    assert list(kept.entries()) == []


def test_pieces_of_an_upload_are_kept_read_in_order_and_dropped(kept, tmp_path):
    upload = "0f8fad5b-d9cb-469f-a165-70867728950e"
    names = [f"{upload}/{n}-{'a' * 16}" for n in (0, 5)]
    for name, data in zip(names, (b"first", b"second"), strict=True):
        with kept.draft() as draft:
            draft.write_bytes(data)
            kept.put_part(name, draft)
    assert b"".join(kept.read_parts(names)) == b"firstsecond"
    kept.drop_parts(upload)
    with pytest.raises(NotFound, match="The pieces of the upload are not in the store"):
        list(kept.read_parts(names))


def test_a_piece_has_no_other_place(kept):
    with pytest.raises(ValueError, match="names no piece"):
        list(kept.read_parts(["../../etc/passwd"]))
