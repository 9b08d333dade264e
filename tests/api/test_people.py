"""Approvals, the conversation and findings over HTTP, from the first word to the last."""

from __future__ import annotations

import pytest

from apps.approvals.models import Approval, Finding
from tests.api.asking import Asker
from tests.flows import bank
from tests.standing import Standing

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def developer(world: Standing) -> Asker:
    return Asker(world.tokens["developer"])


def person(world: Standing, role: str) -> Asker:
    """Somebody in a session of their own."""
    asker = Asker()
    asker.client.force_login(world.people[role], backend="django.contrib.auth.backends.ModelBackend")
    return asker


def test_a_submission_is_talked_about_and_withdrawn(world: Standing, developer: Asker) -> None:
    place = f"/approvals/{world.waiting.pk}"
    assert developer.post(f"{place}/comments", {"text": "Which year?", "gate": ""}).status_code == 201
    assert developer.get(f"{place}/comments").json()["comments"][0]["text"] == "Which year?"

    withdrawn = developer.post(f"{place}/withdraw", {"reason": "An error in the data."})

    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")
    again = developer.post(f"{place}/withdraw", {"reason": "Again."})
    assert again.status_code == 409


def test_what_was_returned_is_submitted_again(world: Standing, developer: Asker) -> None:
    bank.signed(world.waiting, world.people["validator"], "return")
    bank.signed(world.waiting, world.people["risk-officer"])
    place = f"/approvals/{world.waiting.pk}"
    assert developer.get(place).json()["state"] == "returned"

    assert developer.post(f"{place}/reopen", {"reason": "Mended."}).json()["state"] == "open"


def test_sign_offs_stay_hidden_until_all_are_in(world: Standing, developer: Asker) -> None:
    given = bank.signed(world.waiting, world.people["validator"])

    seen = developer.get(f"/approvals/{world.waiting.pk}").json()

    assert next((s["given"], s["signoffs"], s["hidden"]) for s in seen["steps"]) == (1, [], True)
    assert developer.get(f"/statements/{given.statement_digest}").status_code == 404
    mine = person(world, "validator").get(f"/statements/{given.statement_digest}")
    assert mine.status_code == 200


def test_a_finding_goes_from_open_to_closed(world: Standing, developer: Asker) -> None:
    validator = person(world, "validator")
    opened = validator.post(
        "/findings", {"model": "card-limit", "title": "Leak", "severity": "high", "due": "2099-01-01"}
    )
    place = opened["Location"].removeprefix("/api/v1")
    assert (opened.status_code, opened.json()["state"]) == (201, "open")

    done = developer.post(f"{place}/remediate", {"plan": "Dropped the column."})
    assert done.json()["state"] == "remediated"
    assert validator.post(f"{place}/reopen", {"reason": "Still there."}).json()["state"] == "open"
    developer.post(f"{place}/remediate", {"plan": "Dropped it everywhere."})
    closed = validator.post(f"{place}/close", {"closure": "The new run has no leak."})

    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert validator.get(place).json()["closure"] == "The new run has no leak."


def test_an_empty_reason_is_refused_and_names_the_field(world: Standing, developer: Asker) -> None:
    answer = developer.post(f"/approvals/{world.waiting.pk}/withdraw", {"reason": "  "})

    assert answer.status_code == 422
    assert answer.json()["field"] == "reason"
    assert Approval.objects.get(pk=world.waiting.pk).state == "open"


def test_what_is_out_of_scope_is_not_there(world: Standing) -> None:
    outsider = person(world, "elsewhere")
    places = [
        "/models/credit-pd",
        "/models/credit-pd/versions/1",
        f"/runs/{world.queued.pk}",
        f"/decisions/{world.failed.statement_digest}",
        f"/statements/{world.failed.statement_digest}",
        f"/approvals/{world.granted.pk}",
        f"/approvals/{world.granted.pk}/comments",
        f"/findings/{world.finding.pk}",
        f"/admissions/{world.admission.pk}",
        f"/reports/{world.report.pk}",
        f"/reports/{world.report.pk}/file",
    ]

    assert {place: outsider.get(place).status_code for place in places} == dict.fromkeys(places, 404)
    for place in (f"/findings/{world.finding.pk}/close", f"/approvals/{world.waiting.pk}/withdraw"):
        assert outsider.post(place, {"closure": "x", "reason": "x"}).status_code == 404
    assert Finding.objects.get(pk=world.finding.pk).state == "open"
    for name in ("models", "approvals", "findings", "waivers", "runs", "admissions"):
        assert outsider.get(f"/{name}").json()[name] == []


def test_lists_go_on_after_fifty(world: Standing, developer: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.api.paging.PAGE", 1)

    first = developer.get("/approvals").json()
    second = developer.get(f"/approvals?cursor={first['next']}").json()

    assert len(first["approvals"]) == len(second["approvals"]) == 1
    assert {first["approvals"][0]["id"], second["approvals"][0]["id"]} == {
        str(world.granted.pk),
        str(world.waiting.pk),
    }
    assert second["next"] is None
    assert developer.get("/approvals?cursor=e30").status_code == 422
