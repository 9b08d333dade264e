"""Bytes come in by digest, streamed, and are kept whole or not at all."""

from __future__ import annotations

import hashlib
import io
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.http import UnreadablePostError

from apps.inventory import store
from apps.inventory.models import Blob
from apps.inventory.stores.common import TOO_SLOW
from tests.api.asking import BASE, Asker
from tests.standing import Standing

pytestmark = pytest.mark.usefixtures("world")
DATA = b"some bytes of a model"


def named(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def asker(world: Standing) -> Asker:
    return Asker(world.tokens["developer"])


def test_bytes_are_stored_and_then_known(asker: Asker) -> None:
    place = f"/blobs/{named(DATA)}"
    assert asker.head(place).status_code == 404

    answer = asker.put(place, DATA)

    assert (answer.status_code, answer.json()) == (201, {"digest": named(DATA), "size": len(DATA)})
    assert asker.head(place).status_code == 200
    with store.open(named(DATA)) as kept:
        assert kept.read() == DATA


def test_other_peoples_bytes_are_not_there(world: Standing, asker: Asker) -> None:
    asker.put(f"/blobs/{named(DATA)}", DATA)

    assert Asker(world.tokens["pipeline"]).head(f"/blobs/{named(DATA)}").status_code == 404


def test_another_digest_is_refused_and_nothing_is_kept(asker: Asker) -> None:
    answer = asker.put(f"/blobs/{named(b'other')}", DATA)

    assert answer.status_code == 422
    assert named(DATA) in answer.json()["detail"]
    assert not Blob.objects.filter(digest__in=[named(DATA), named(b"other")]).exists()


@pytest.mark.parametrize("digest", ["sha256:short", "md5:" + "0" * 32, "x"])
def test_what_is_no_digest_is_refused(asker: Asker, digest: str) -> None:
    assert asker.put(f"/blobs/{digest}", DATA).status_code == 422


def test_too_much_is_refused_before_it_is_read(asker: Asker, settings: object) -> None:
    settings.LARGEST_UPLOAD = 10  # type: ignore[attr-defined]

    answer = asker.put(f"/blobs/{named(DATA)}", DATA)

    assert answer.status_code == 413
    assert answer.json()["type"].endswith("/too_large")


def test_more_bytes_than_said_are_not_read(asker: Asker) -> None:
    answer = asker.put(f"/blobs/{named(DATA)}", DATA, CONTENT_LENGTH=str(len(DATA) - 1))

    assert answer.status_code == 422


def test_fewer_bytes_than_said_are_refused(asker: Asker) -> None:
    raw = asker.client.generic(
        "PUT",
        f"{BASE}/blobs/{named(DATA)}",
        headers=asker.headers,
        **{"wsgi.input": io.BytesIO(DATA), "CONTENT_LENGTH": str(len(DATA) + 5)},
    )

    assert raw.status_code == 400
    assert "ended after 21 bytes" in raw.json()["detail"]
    assert not Blob.objects.filter(digest=named(DATA)).exists()


def test_a_body_that_came_too_slowly_is_told_so(asker: Asker) -> None:
    raw = asker.client.generic(
        "PUT",
        f"{BASE}/blobs/{named(DATA)}",
        headers=asker.headers,
        **{"wsgi.input": io.BytesIO(DATA), "CONTENT_LENGTH": "1000", TOO_SLOW: True},
    )

    assert raw.status_code == 408
    assert raw.json()["detail"] == "The upload came too slowly; 21 bytes arrived."


def test_a_body_without_a_length_is_refused(asker: Asker) -> None:
    raw = asker.client.generic(
        "PUT",
        f"{BASE}/blobs/{named(DATA)}",
        headers=asker.headers,
        **{"wsgi.input": io.BytesIO(DATA), "CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"},
    )

    assert raw.status_code == 411


def test_a_length_that_is_no_number_is_refused(asker: Asker) -> None:
    raw = asker.put(f"/blobs/{named(DATA)}", DATA, CONTENT_LENGTH="many")

    assert raw.status_code == 400


def test_a_client_that_goes_away_leaves_nothing(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> bytes:
        raise UnreadablePostError("gone")

    monkeypatch.setattr("apps.api.views.inventory.Upload.read", gone)

    assert asker.put(f"/blobs/{named(DATA)}", DATA).status_code == 400
    assert not Blob.objects.filter(digest=named(DATA)).exists()


def test_a_manifest_of_another_model_registers_nothing(asker: Asker) -> None:
    manifest = "apiVersion: governance/v1\nkind: ModelVersion\nmetadata: {model: other, version: '1'}\n" + (
        "spec: {use: u, kind: classifier, artifact: {format: none}, datasets: {holdout: {path: h.csv}}}\n"
    )

    answer = asker.post("/models/credit-pd/versions", {"manifest": manifest, "blobs": {}})

    assert answer.status_code == 422
    assert answer.json()["field"] == "manifest"
    assert asker.get("/models/other").status_code == 404


@pytest.fixture
def small_disk(tmp_path: Path, settings: object) -> Iterator[Path]:
    """A store that has room for 256 KiB: a file system of that size, or a limit where that is refused."""
    root = tmp_path / "store"
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(root)], capture_output=True, check=False
    )
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    if mounted.returncode:
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, former[1]))
    settings.STORE = {"root": root}  # type: ignore[attr-defined]
    yield root
    resource.setrlimit(resource.RLIMIT_FSIZE, former)
    if not mounted.returncode:
        subprocess.run(["umount", str(root)], check=True)


def test_a_disk_that_is_full_in_the_middle_answers_507_and_keeps_nothing(
    asker: Asker, small_disk: Path
) -> None:
    big = bytes(1 << 20)

    answer = asker.put(f"/blobs/{named(big)}", big)

    assert answer.status_code == 507
    assert answer.json()["detail"] == "The store is full; nothing was kept."
    assert not Blob.objects.filter(digest=named(big)).exists()
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []
    assert asker.put(f"/blobs/{named(DATA)}", DATA).status_code == 201


def test_a_store_out_of_reach_answers_503(asker: Asker, settings: object, tmp_path: Path) -> None:
    place = {"name": "b", "endpoint": "http://127.0.0.1:1", "timeout_s": 1}
    settings.STORE = {"writer": place, "reader": place, "cache": tmp_path}  # type: ignore[attr-defined]

    answer = asker.put(f"/blobs/{named(DATA)}", DATA)

    assert answer.status_code == 503
    assert "the object storage did not answer" in answer.json()["detail"]
    assert not Blob.objects.filter(digest=named(DATA)).exists()
