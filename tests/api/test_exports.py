"""Lists, packs and receipts over HTTP."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import pytest
from django.test import Client

from apps.audit.anchors import anchor_file
from apps.audit.models import Event
from tests.api.asking import Asker
from tests.standing import Standing
from tests.verifier.sequencing import sequenced_now

BACKEND = "django.contrib.auth.backends.ModelBackend"


def asker(world: Standing, role: str) -> Asker:
    client = Client(raise_request_exception=False)
    client.force_login(world.people[role], backend=BACKEND)
    return Asker(client=client)


@pytest.fixture
def sequenced(world: Standing) -> Iterator[Standing]:
    sequenced_now()
    yield world
    anchor_file().path.unlink()


def body(answer: object) -> bytes:
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def test_a_list_is_taken_as_json_lines(world: Standing) -> None:
    answer = asker(world, "auditor").get("/exports?list=models&format=jsonl&q=limit")
    assert answer["Content-Disposition"] == 'attachment; filename="models.jsonl"'
    (line,) = body(answer).splitlines()
    assert json.loads(line)["key"] == "card-limit"
    told = Event.objects.filter(action="export.made").latest("occurred_at").doc["after"]
    assert answer["ETag"] == f'"{told["digest"]}"'


@pytest.mark.parametrize(
    ("query", "status"),
    [("list=nothing", 422), ("format=docx", 422), ("list=grants", 200), ("list=events", 200)],
)
def test_what_is_asked_for_decides(world: Standing, query: str, status: int) -> None:
    answer = asker(world, "auditor").get(f"/exports?{query}")
    assert answer.status_code == status
    if answer.streaming:
        body(answer)


@pytest.mark.slow
def test_a_pack_is_posted_for_and_not_kept(sequenced: Standing) -> None:
    ask = asker(sequenced, "auditor")
    answer = ask.post("/packs", {"model": "card-limit"})
    with zipfile.ZipFile(io.BytesIO(body(answer))) as archive:
        assert json.loads(archive.read("manifest.json"))["scope"] == {"kind": "model", "model": "card-limit"}
    assert ask.post("/packs", {"model": "card-limit"}, key="once").status_code == 422
    assert ask.post("/packs", {"from": "2026-01-01"}).status_code == 422
    assert asker(sequenced, "elsewhere").post("/packs", {"model": "card-limit"}).status_code == 404


def test_a_receipt_is_text_for_whoever_may_read_the_statement(sequenced: Standing) -> None:
    path = f"/statements/{sequenced.failed.statement_digest}/receipt"
    assert asker(sequenced, "developer").get(path).content.startswith(b"c2sp.org/tlog-proof@v1\n")
    for role in ("administrator", "elsewhere"):
        assert asker(sequenced, role).get(path).status_code == 404
