"""What is taken away, by whom, and what a spreadsheet makes of it."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import json
import re
import zipfile
from collections.abc import Iterator

import pytest
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone

from apps.access.states import Scope
from apps.audit.anchors import anchor_file
from apps.audit.models import Event
from apps.deploys.commands import ask_to_break_glass
from apps.inventory import commands as inventory
from tests import factories
from tests.flows import bank
from tests.standing import Standing
from tests.verifier.sequencing import sequenced_now

BACKEND = "django.contrib.auth.backends.ModelBackend"
EVIL = ("=1+1", "+SUM(A1)", "-2+3", "@SUM(1)", "\t=1", " =HYPERLINK(1)", "＝1+1", '=cmd|" /C calc"!A0')


def as_role(world: Standing, role: str) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(world.people[role], backend=BACKEND)
    return client


def bytes_of(answer: HttpResponseBase) -> bytes:
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def taken(world: Standing, name: str, kind: str = "csv", role: str = "auditor", **filters: str) -> bytes:
    answer = as_role(world, role).post("/exports", {"list": name, "format": kind, **filters})
    assert answer.status_code == 200, answer.content
    return bytes_of(answer)


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


LISTS = ("models", "versions", "runs", "decisions", "approvals", "findings", "admissions", "reports")
MORE = ("costs", "people", "grants", "events", "uses", "deployments", "policies", "evidence", "units")
RARE = ("attestations", "documents", "challenges", "break-glass", "signoffs", "experiments", "rounds")


@pytest.mark.parametrize("name", LISTS + MORE)
def test_every_list_can_be_taken_with_an_event_that_says_so(world: Standing, name: str) -> None:
    data = taken(world, name)
    event = Event.objects.filter(action="export.made").latest("occurred_at")
    told = event.doc["after"]
    assert (told["list"], told["format"]) == (name, "csv")
    assert told["rows"] == len(rows_of(data)) > 0
    assert told["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
    assert event.actor_id == str(world.people["auditor"].pk)


def test_a_request_to_break_the_glass_stands_in_its_list(world: Standing) -> None:
    version = world.granted.version
    ask_to_break_glass(
        by=world.people["risk-officer"],
        version=version,
        use=bank.use_of(version),
        environment=bank.production(),
        minutes=30,
        reason="Payments stand still.",
        ticket="=INC-7",
        reauthenticated_at=timezone.now(),
    )
    (row,) = rows_of(taken(world, "break-glass"))
    assert (row["model"], row["ticket"], row["agreed_by"]) == ("credit-pd", "'=INC-7", "")
    assert row["asked_by"] == world.people["risk-officer"].username


def test_a_list_is_what_its_page_shows(world: Standing) -> None:
    found = rows_of(taken(world, "models", q="limit"))
    assert [(row["key"], row["owner"]) for row in found] == [("card-limit", "dev")]
    event = Event.objects.filter(action="export.made").latest("occurred_at")
    assert event.doc["after"]["filter"] == {"q": "limit"}
    assert rows_of(taken(world, "admissions", outcome="deny")) == []


@pytest.mark.parametrize("text", EVIL)
def test_a_spreadsheet_obeys_nothing(world: Standing, text: str) -> None:
    by, model = world.people["owner"], world.granted.version.model
    inventory.change_model(by=by, model=model, title=f"{text} x", reason="a test")
    found = {row["key"]: row for row in rows_of(taken(world, "models"))}["credit-pd"]
    assert found["title"].startswith("'")
    assert found["tier"] == "2"


def test_a_list_that_was_narrowed_since_is_taken_as_it_is_shown_now(world: Standing) -> None:
    """The address follows the filter without the page being drawn anew; the form goes by the address."""
    client = as_role(world, "auditor")
    there = {"Referer": "http://testserver/models?q=limit"}
    answer = client.post("/exports", {"list": "models", "format": "csv", "q": "credit"}, headers=there)
    assert [row["key"] for row in rows_of(bytes_of(answer))] == ["card-limit"]


def test_json_lines_hold_types(world: Standing) -> None:
    lines = [json.loads(line) for line in taken(world, "models", "jsonl").splitlines()]
    assert {line["key"]: line["tier"] for line in lines} == {"card-limit": 1, "credit-pd": 2}
    assert lines[0]["jurisdictions"] == ["US"]


def test_a_workbook_holds_numbers_as_numbers_and_text_as_text(world: Standing) -> None:
    if importlib.util.find_spec("xlsxwriter") is None:
        answer = as_role(world, "auditor").post("/exports", {"list": "models", "format": "xlsx"})
        assert answer.status_code == 409
        assert "xlsxwriter" in answer.content.decode()
        return
    with zipfile.ZipFile(io.BytesIO(taken(world, "models", "xlsx"))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        styles = book.read("xl/styles.xml").decode()
    assert "<f>" not in sheet
    assert "<v>2</v>" in sheet
    assert "yyyy\\-mm\\-dd" in styles or "yyyy-mm-dd" in styles
    assert 'state="frozen"' in sheet
    assert not re.search(r"\d{4}-\d\d-\d\dT", sheet)


def test_somebody_who_exports_for_one_model_takes_only_that(world: Standing) -> None:
    one = factories.person("one-auditor", "auditor", scope=Scope.MODEL, key="card-limit")
    world.people["one"] = one
    assert [row["key"] for row in rows_of(taken(world, "models", role="one"))] == ["card-limit"]
    assert {row["model"] for row in rows_of(taken(world, "decisions", role="one"))} == {"card-limit"}
    client = as_role(world, "one")
    for name in (*RARE, "uses", "deployments"):
        assert {row["model"] for row in rows_of(taken(world, name, role="one"))} <= {"card-limit"}, name
    for name in ("events", "costs", "people", "tokens", "units"):
        assert client.post("/exports", {"list": name}).status_code == 403, name


def test_blind_sign_offs_stay_blind_in_every_list(world: Standing) -> None:
    signoff = bank.signed(world.waiting, factories.validator(), "reject")
    for name in LISTS + RARE:
        assert signoff.statement_digest.encode() not in taken(world, name), name


@pytest.mark.parametrize(("list_name", "kind", "status"), [("nothing", "csv", 422), ("models", "docx", 422)])
def test_what_there_is_not_is_named(world: Standing, list_name: str, kind: str, status: int) -> None:
    answer = as_role(world, "auditor").post("/exports", {"list": list_name, "format": kind})
    assert answer.status_code == status
    assert list_name in answer.content.decode() or kind in answer.content.decode()


def test_the_form_stands_below_a_list_for_those_who_export(world: Standing) -> None:
    for role, there in (("auditor", True), ("developer", False)):
        page = as_role(world, role).get("/models?q=credit").content.decode()
        assert ('name="list" value="models"' in page) == there
        assert ('<input type="hidden" name="q" value="credit">' in page) == there


def test_whoever_looks_after_people_takes_their_lists_and_no_other(world: Standing) -> None:
    client = as_role(world, "administrator")
    assert 'name="list" value="tokens"' in client.get("/administration/tokens").content.decode()
    tokens = rows_of(taken(world, "tokens", role="administrator"))
    assert {"person", "name", "last4", "expires_at"} <= set(tokens[0])
    assert "digest" not in tokens[0]
    assert client.post("/exports", {"list": "models", "format": "csv"}).status_code == 403


@pytest.fixture
def sequenced(world: Standing) -> Iterator[Standing]:
    sequenced_now()
    yield world
    anchor_file().path.unlink()


@pytest.mark.slow
def test_a_pack_is_taken_from_the_page_and_told_of(sequenced: Standing) -> None:
    client = as_role(sequenced, "auditor")
    answer = client.post("/exports/packs", {"model": "credit-pd", "from": "", "to": ""})
    with zipfile.ZipFile(io.BytesIO(bytes_of(answer))) as archive:
        assert {"manifest.json", "verifier.pyz", "log/events.jsonl"} <= set(archive.namelist())
    page = client.get("/exports").content.decode()
    assert "auditor pack, model credit-pd" in page


@pytest.mark.parametrize(
    ("told", "status"),
    [({"model": "none-such"}, 404), ({"from": "2026-01-01"}, 422), ({"from": "x", "to": "y"}, 422)],
)
def test_a_pack_of_what_there_is_not_is_refused(world: Standing, told: dict[str, str], status: int) -> None:
    assert as_role(world, "auditor").post("/exports/packs", told).status_code == status


def test_a_receipt_is_there_for_whoever_sees_the_fact(sequenced: Standing) -> None:
    digest = sequenced.failed.statement_digest
    page = as_role(sequenced, "developer").get(f"/receipts/{digest}")
    assert "c2sp.org/tlog-proof@v1" in page.content.decode()
    assert "<dd>decision: " in page.content.decode()
    text = as_role(sequenced, "developer").get(f"/receipts/{digest}?as=text")
    assert text.content.startswith(b"c2sp.org/tlog-proof@v1\n")
    assert as_role(sequenced, "elsewhere").get(f"/receipts/{digest}").status_code == 404
