"""Uploads go on after a break, and their pieces become the announced bytes or nothing."""

from __future__ import annotations

import hashlib
import io
import uuid
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from apps.access.models import Person
from apps.audit.states import system
from apps.inventory import commands, store
from apps.inventory.models import Blob, Upload
from tests.api.asking import BASE, Asker
from tests.standing import Standing

pytestmark = pytest.mark.usefixtures("world")
DATA = bytes(range(256)) * 40


def named(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def asker(world: Standing, settings, tmp_path: Path) -> Asker:
    settings.STORE = {"root": tmp_path / "store"}
    return Asker(world.tokens["developer"])


def begun(asker: Asker, data: bytes = DATA, **fields):
    return asker.post("/uploads", {"digest": named(data), "size": len(data), **fields})


def send(asker: Asker, upload: str, data: bytes, offset: int, *, length: int | None = None, **headers: str):
    return asker.client.generic(
        "PATCH",
        f"{BASE}/uploads/{upload}",
        headers={**asker.headers, "Upload-Offset": str(offset), **headers},
        content_type="application/partial-upload",
        **{"wsgi.input": io.BytesIO(data), "CONTENT_LENGTH": str(len(data) if length is None else length)},
    )


def drafts(root: Path) -> list[Path]:
    return [
        path for path in (root / "incoming", root / "parts") for path in path.rglob("*") if path.is_file()
    ]


def test_pieces_become_the_announced_bytes(asker, tmp_path):
    answer = begun(asker, media="text/csv")
    told = answer.json()
    assert (answer.status_code, told["offset"], told["size"]) == (201, 0, len(DATA))
    assert answer.headers["Location"] == f"{BASE}/uploads/{told['id']}"
    for start in range(0, len(DATA), 4000):
        piece = send(asker, told["id"], DATA[start : start + 4000], start)
        assert piece.status_code == 200
    assert piece.headers["Upload-Offset"] == str(len(DATA))
    done = asker.post(f"/uploads/{told['id']}/complete")
    assert (done.status_code, done.json()) == (201, {"digest": named(DATA), "size": len(DATA)})
    assert store.path(named(DATA)).read_bytes() == DATA
    assert asker.head(f"/blobs/{named(DATA)}").status_code == 200


def test_the_last_request_may_be_sent_twice(asker, django_capture_on_commit_callbacks, tmp_path):
    upload = begun(asker).json()["id"]
    send(asker, upload, DATA, 0)
    with django_capture_on_commit_callbacks(execute=True):
        first = asker.post(f"/uploads/{upload}/complete")
    assert asker.post(f"/uploads/{upload}/complete").json() == first.json()
    assert drafts(tmp_path / "store") == []
    assert begun(asker).json() == {"digest": named(DATA), "complete": True}


def test_after_a_break_it_goes_on_where_the_bytes_ended(asker):
    upload = begun(asker).json()["id"]
    cut = send(asker, upload, DATA[:3000], 0, length=5000)
    assert cut.status_code == 400
    assert "ended after 3,000 bytes; its Content-Length said 5,000" in cut.json()["detail"]
    assert asker.head(f"/uploads/{upload}").headers["Upload-Offset"] == "3000"
    again = begun(asker)
    assert (again.status_code, again.json()["id"], again.json()["offset"]) == (200, upload, 3000)
    send(asker, upload, DATA[3000:], 3000)
    assert asker.post(f"/uploads/{upload}/complete").status_code == 201


def test_a_piece_for_another_place_is_told_the_right_one(asker):
    upload = begun(asker).json()["id"]
    send(asker, upload, DATA[:3000], 0)
    for offset in (0, 2999, 3001):
        answer = send(asker, upload, DATA[:10], offset)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "3000")
    assert Upload.objects.get().received == 3000


def test_a_piece_with_another_digest_is_not_kept(asker, tmp_path):
    upload = begun(asker).json()["id"]
    right = b64encode(hashlib.sha256(DATA[:10]).digest()).decode()
    wrong = send(asker, upload, DATA[:11], 0, **{"Content-Digest": f"sha-256=:{right}:"})
    assert wrong.status_code == 422
    assert drafts(tmp_path / "store") == []
    kept = send(asker, upload, DATA[:10], 0, **{"Content-Digest": f"sha-256=:{right}:"})
    assert kept.json()["offset"] == 10


@pytest.mark.parametrize("told", ["md5=:abc:", "sha-256=:short:", "sha-256"])
def test_what_is_no_digest_of_a_piece_is_refused(asker, told):
    upload = begun(asker).json()["id"]
    assert send(asker, upload, DATA[:10], 0, **{"Content-Digest": told}).status_code == 400


@pytest.mark.parametrize("offset", ["", "-1", "many", "9" * 30])
def test_what_is_no_offset_is_refused(asker, offset):
    upload = begun(asker).json()["id"]
    answer = send(asker, upload, DATA[:10], 0, **{"Upload-Offset": offset})
    assert answer.status_code == 400


def test_other_bytes_than_announced_are_forgotten(asker, tmp_path):
    upload = begun(asker).json()["id"]
    send(asker, upload, b"x" * len(DATA), 0)
    answer = asker.post(f"/uploads/{upload}/complete")
    assert answer.status_code == 422
    assert named(DATA) in answer.json()["detail"]
    assert not Upload.objects.exists()
    assert drafts(tmp_path / "store") == []


def test_too_few_bytes_are_not_put_together(asker):
    upload = begun(asker).json()["id"]
    send(asker, upload, DATA[:10], 0)
    answer = asker.post(f"/uploads/{upload}/complete")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "10")
    assert not Blob.objects.filter(pk=named(DATA)).exists()


def test_more_bytes_than_announced_are_refused_before_they_are_read(asker):
    upload = begun(asker).json()["id"]
    answer = send(asker, upload, DATA + b"!", 0)
    assert answer.status_code == 413
    assert "has only 10,240 bytes left" in answer.json()["detail"]


def test_too_large_a_file_is_refused_before_a_byte_flows(asker):
    answer = asker.post("/uploads", {"digest": named(DATA), "size": (2 << 30) + 1})
    assert answer.status_code == 413
    assert answer.json()["detail"] == "The upload has 2,147,483,649 bytes; at most 2,147,483,648 are taken."


@pytest.mark.parametrize("size", [-1, True, "10", 1.5, None])
def test_what_is_no_size_is_refused(asker, size):
    assert asker.post("/uploads", {"digest": named(DATA), "size": size}).status_code == 422


def test_an_upload_is_its_persons_alone(asker, world):
    upload = begun(asker).json()["id"]
    other = Asker(world.tokens["pipeline"])
    assert other.get(f"/uploads/{upload}").status_code == 404
    assert send(other, upload, DATA, 0).status_code == 404
    assert other.post(f"/uploads/{upload}/complete").status_code == 404
    assert asker.get(f"/uploads/{uuid.uuid4()}").status_code == 404


def test_nothing_is_told_of_bytes_that_somebody_else_handed_in(asker, world):
    asker.put(f"/blobs/{named(DATA)}", DATA)
    assert begun(Asker(world.tokens["pipeline"])).status_code == 201


def test_a_cancelled_upload_leaves_nothing(asker, tmp_path):
    upload = begun(asker).json()["id"]
    send(asker, upload, DATA[:10], 0)
    assert asker.client.delete(f"{BASE}/uploads/{upload}", headers=asker.headers).status_code == 204
    assert asker.get(f"/uploads/{upload}").status_code == 404
    assert drafts(tmp_path / "store") == []


def test_an_upload_that_nobody_goes_on_with_is_forgotten(asker, tmp_path):
    upload = begun(asker).json()["id"]
    send(asker, upload, DATA[:10], 0)
    assert commands.expire_uploads(by=system("relay")) == 0
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert asker.get(f"/uploads/{upload}").status_code == 404
    assert send(asker, upload, DATA[10:], 10).status_code == 404
    assert commands.expire_uploads(by=system("relay")) == 1
    assert drafts(tmp_path / "store") == []


def test_one_person_has_so_many_uploads_under_way(asker, monkeypatch):
    monkeypatch.setattr("apps.inventory.commands.uploads.MOST_OPEN", 2)
    assert [begun(asker, bytes([n])).status_code for n in range(3)] == [201, 201, 409]


def test_an_empty_file_needs_no_piece(asker):
    upload = begun(asker, b"").json()["id"]
    assert asker.post(f"/uploads/{upload}/complete").status_code == 201


def test_of_two_pieces_for_one_place_the_later_is_told_so(asker, world, tmp_path):
    upload = begun(asker).json()["id"]
    by = Person.objects.get(pk=Upload.objects.get().person_id)

    class Overtaken:
        """While its bytes come, another request brings the same ones."""

        def __init__(self):
            self.left = [DATA[:10], b""]

        def read(self, size: int) -> bytes:
            if len(self.left) == 2:
                send(asker, upload, DATA[:20], 0)
            return self.left.pop(0)

    with pytest.raises(Exception, match="stands at byte 20, not at 0"):
        commands.add_piece(by=by, upload_id=uuid.UUID(upload), offset=0, stream=Overtaken())
    assert Upload.objects.get().received == 20
    assert len(drafts(tmp_path / "store")) == 1
