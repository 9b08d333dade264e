"""Tier, regimes, determination and scorecards over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from apps.inventory.models import RegimeDecision, ScorecardProposal, Tiering
from tests.api.asking import Asker
from tests.standing import Standing

pytestmark = pytest.mark.usefixtures("world")
MODEL = "/models/credit-pd"
SMALL = {"purpose": "marketing", "exposure_eur": "5", "customer_impact": "none", "complexity": "linear"}


def person(world: Standing, role: str) -> Asker:
    asker = Asker()
    asker.client.force_login(world.people[role], backend="django.contrib.auth.backends.ModelBackend")
    return asker


@pytest.fixture
def head(world: Standing) -> Asker:
    return person(world, "head-of-model-risk")


def test_answers_are_previewed_before_and_after_and_nothing_is_kept(head: Asker) -> None:
    count = Tiering.objects.count()
    found = head.post(f"{MODEL}/tier/preview", {"answers": {"purpose": "credit_decision"}}).json()
    assert (found["before"]["tier"], found["after"]["tier"]) == (2, 1)
    (use,) = found["uses"]
    assert use["after"]["approval_days"] <= use["before"]["approval_days"]
    assert "credit-tier1" in set(use["after"]["policies"]) - set(use["before"]["policies"])
    assert (use["approval"]["version"], use["approval"]["suffices"]) == ("1", False)
    assert Tiering.objects.count() == count


def test_a_lower_tier_keeps_the_standing_approval(head: Asker) -> None:
    answers = {**SMALL, "autonomy": "person_decides"}
    found = head.post(f"{MODEL}/tier/preview", {"answers": answers}).json()
    assert (found["after"]["tier"], found["uses"][0]["approval"]["suffices"]) == (3, True)


def test_a_tier_is_given_with_its_scorecard_and_day_and_the_older_ones_stay(head: Asker) -> None:
    made = head.post(f"{MODEL}/tier", {"answers": SMALL, "rationale": "Only letters."})
    assert made.status_code == 201
    newest, older = head.get(f"{MODEL}/tier").json()["tiers"]
    assert newest["scorecard_digest"] == made.json()["scorecard"]["digest"]
    assert newest["review_due"] == made.json()["review_due"] > ""
    assert (older["tier"], older["scorecard"]) == (2, None)


def test_a_regime_is_decided_and_told(head: Asker) -> None:
    body = {"regime": "us-sr26-2", "applies": False, "rationale": "It writes text."}
    made = head.post(f"{MODEL}/regimes", body)
    assert made.status_code == 201
    lines = {line["regime"]: line for line in head.get(f"{MODEL}/regimes").json()["regimes"]}
    assert lines["us-sr26-2"]["applies"] is False
    assert lines["us-sr26-2"]["decision"]["statement"] == made.json()["statement"]
    assert (lines["uk-ss1-23"]["state"], lines["uk-ss1-23"]["applies"]) == ("undecided", True)
    assert head.post(f"{MODEL}/regimes", body).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"regime": "us-sr26", "applies": True, "rationale": "x"}, "regime"),
        ({"regime": "us-sr26-2", "applies": "yes", "rationale": "x"}, "applies"),
        ({"regime": "us-sr26-2", "rationale": "x"}, "applies"),
        ({"regime": "us-sr26-2", "applies": True}, "rationale"),
        ({"regime": "us-sr26-2", "applies": True, "rationale": "x", "model": "other"}, "model"),
    ],
)
def test_a_wrong_field_is_named(head: Asker, body: dict[str, object], field: str) -> None:
    answer = head.post(f"{MODEL}/regimes", body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert not RegimeDecision.objects.exists()


def test_a_determination_is_made_and_found_in_the_list(head: Asker) -> None:
    before = head.get(f"{MODEL}/determination").json()
    assert (before["determination"], before["due"]) == (None, True)
    body = {"answers": {"generative": "yes"}, "rationale": "It writes text."}
    made = head.post(f"{MODEL}/determination", body)
    assert made.json()["outcomes"]["us-sr26-2"]["outcome"] == "outside"
    assert head.get(f"{MODEL}/determination").json()["genuine"] is True
    keys = [m["key"] for m in head.get("/models?determination=model").json()["models"]]
    assert keys == ["credit-pd"]


def test_a_draft_scorecard_shows_all_models_that_would_move(world: Standing, head: Asker) -> None:
    head.post(f"{MODEL}/tier", {"answers": SMALL, "rationale": "Only letters."})
    text = Path(settings.SCORECARD).read_text().replace("marketing: 1", "marketing: 9")
    author = person(world, "model-risk-policy")
    found = author.post("/scorecard/impact", {"scorecard": text.replace("1.1.0", "2.0.0")}).json()
    assert found["changes"] == ["What the model decides: marketing 1 point → 9 points."]
    assert [(m["model"], m["before"], m["after"]) for m in found["moves"]] == [("credit-pd", 2, 1)]
    assert ScorecardProposal.objects.count() == 1


def test_a_scorecard_is_offered_and_told(world: Standing) -> None:
    author = person(world, "model-risk-policy")
    text = Path(settings.SCORECARD).read_text().replace("1.1.0", "1.4.0")
    made = author.post("/scorecard/proposals", {"scorecard": text, "note": "As before."})
    assert made.status_code == 201
    told = author.get(made["Location"].removeprefix("/api/v1")).json()
    assert (told["version"], told["shown"]["changes"], told["released_at"]) == ("1.4.0", [], None)
    assert {p["version"] for p in author.get("/scorecard/proposals").json()["proposals"]} == {
        "1.2.0",
        "1.4.0",
    }


def test_a_broken_scorecard_is_refused_with_its_line(world: Standing) -> None:
    answer = person(world, "model-risk-policy").post("/scorecard/impact", {"scorecard": "kind: ["})
    assert answer.status_code == 422
    assert "scorecard.yaml, line 2" in answer.json()["detail"]
