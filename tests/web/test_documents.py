"""The pages of documents and of the entry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.inventory.models import ModelDocument
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")
FORM = {"kind": "user-guide", "title": "Guide", "label": "1"}
HERE = "/models/credit-pd/documents"


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    settings.STORE = {"root": tmp_path / "store"}


def page_file(name: str = "guide.html") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"<script>alert(1)</script>", "text/html")


def test_a_document_is_registered_and_comes_back_as_a_file_never_as_a_page(world: Standing) -> None:
    dev = Browser(world.people["developer"])
    assert "Guide 1 is registered" in plain(dev.send(HERE, file=page_file(), **FORM))
    made = ModelDocument.objects.get(title="Guide")
    answer = dev.client.get(f"{HERE}/{made.pk}/file")
    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment")


def test_a_fault_keeps_what_was_typed(world: Standing) -> None:
    answer = Browser(world.people["developer"]).client.post(HERE, {**FORM, "label": "9"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose the file." in page
    assert 'value="9"' in page


def test_who_may_not_sees_the_register_and_why(world: Standing) -> None:
    shown = plain(Browser(world.people["auditor"]).get(HERE))
    assert "No user-guide is in force" in shown
    assert "you do not hold that role" in shown


def test_the_record_names_what_is_missing_and_where_it_is_mended(world: Standing) -> None:
    page = Browser(world.people["developer"]).get("/models/credit-pd")
    assert "% complete" in plain(page)
    assert f'href="{HERE}?kind=user-guide#add"' in page
    assert 'href="/models/credit-pd/entry"' in page


def test_the_list_shows_and_filters_by_what_is_missing(world: Standing) -> None:
    dev = Browser(world.people["developer"])
    assert "credit-pd" in plain(dev.get("/models?missing=limitations"))
    assert "No model matches" in plain(dev.get("/models?missing=version"))
    dev.get("/models?missing=poems", status=422)


def test_the_entry_is_mended_with_a_reason(world: Standing) -> None:
    dev = Browser(world.people["developer"])
    fields = {"title": "PD", "limitations": "Not for firms.", "reason": "Asked by validation."}
    assert "Not for firms." in plain(dev.send("/models/credit-pd/entry", **fields))
    answer = dev.client.post("/models/credit-pd/entry", {**fields, "limitations": "x", "reason": ""})
    assert answer.status_code == 422


def test_the_api_tells_the_same(world: Standing) -> None:
    dev = Browser(world.people["developer"]).client
    told = dev.get("/api/v1/models/credit-pd/completeness").json()
    assert told["there"] + len(told["missing"]) == told["of"]
    listed = dev.get("/api/v1/models/credit-pd/documents").json()
    assert listed["documents"] == []
    assert "user-guide" in listed["missing"]


def test_the_vendors_page_says_that_nobody_has_reviewed_yet_and_why_not(world: Standing) -> None:
    shown = plain(Browser(world.people["validator"]).get("/models/credit-pd/vendor"))
    assert "Nobody has held the vendor's file against the checklist yet" in shown
    assert "credit-pd was built here" in shown
