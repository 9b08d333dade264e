"""The pages of uploads and of storage."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.inventory import store
from apps.inventory.models import Blob, Quota
from tests.standing import Standing, standing_bank, world

__all__ = ["standing_bank", "world"]
DATA = b"age,label\n41,1\n"
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings) -> None:
    settings.STORE = {"root": tmp_path / "store"}


def signed_in(world: Standing, role: str, **kinds: bool) -> Client:
    client = Client(**kinds)
    client.force_login(world.people[role], backend="django.contrib.auth.backends.ModelBackend")
    return client


def file() -> dict[str, SimpleUploadedFile]:
    return {"file": SimpleUploadedFile("h.csv", DATA, "text/csv")}


def test_a_file_is_taken_without_a_script_and_stands_there_until_a_version_names_it(world):
    client = signed_in(world, "developer")
    answer = client.post("/uploads", file(), follow=True)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert f"Stored: {DIGEST}" in page
    assert f'<th scope="row"><code>{DIGEST}</code></th>' in page
    assert store.path(DIGEST).read_bytes() == DATA
    other = signed_in(world, "pipeline").get("/uploads", follow=True).content.decode()
    assert DIGEST not in other


def test_a_form_without_a_file_says_so(world):
    assert "Choose a file" in signed_in(world, "developer").post("/uploads", {"a": "b"}).content.decode()


def test_too_large_a_file_is_refused_before_it_is_read(world, settings):
    settings.LARGEST_UPLOAD = 10
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None

    class Unread:
        def read(self, *_: object) -> bytes:
            raise AssertionError("a byte was read")

        readline = read

    told = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(10_000_000)}
    answer = signed_in(world, "developer").generic("POST", "/uploads", content_type="multipart/x", **told)
    assert answer.status_code == 413
    assert "A file has at most 10 bytes" in answer.content.decode()


def test_who_hands_in_no_versions_uploads_nothing(world):
    client = signed_in(world, "validator")
    assert [client.post("/uploads", form).status_code for form in ({}, file())] == [403, 403]
    assert not Blob.objects.filter(pk=DIGEST).exists()


def test_a_form_of_elsewhere_is_refused(world):
    assert signed_in(world, "developer", enforce_csrf_checks=True).post("/uploads", file()).status_code == 403
    assert not Blob.objects.filter(pk=DIGEST).exists()


def test_what_does_not_fit_is_told_on_the_page(world, settings):
    settings.STORE_QUOTA = 1
    answer = signed_in(world, "developer").post("/uploads", file())
    assert answer.status_code == 422
    assert "do not fit: the whole installation keeps" in answer.content.decode()


def test_the_administrator_sees_what_is_kept_and_sets_a_quota(world):
    client = signed_in(world, "administrator")
    page = client.get("/storage").content.decode()
    assert "Everybody" in page
    assert "retail" in page
    client.post("/storage", {"unit": "retail", "gib": "1.5", "reason": "a small disk"})
    assert Quota.objects.get().bytes == 3 << 29
    assert 'aria-label="Share of the quota of retail"' in client.get("/storage").content.decode()


@pytest.mark.parametrize("gib", ["", "many", "NaN", "Infinity", "-1", "9" * 30])
def test_what_is_no_quota_is_refused(world, gib):
    client = signed_in(world, "administrator")
    client.post("/storage", {"gib": gib, "reason": "x"}, headers={"Referer": "http://testserver/storage"})
    assert not Quota.objects.exists()


def test_the_comparison_names_what_is_missing(world):
    client = signed_in(world, "administrator")
    assert "The books and the store differ" in client.get("/storage?compare=1").content.decode()
