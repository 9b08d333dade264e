from __future__ import annotations

from decimal import Decimal

import pytest

from apps.engine.errors import BadInput
from apps.engine.policy import shipped_folder
from apps.engine.tier import Scorecard, case_faults, read_scorecard, scorecard_of, tier_of

PATH = shipped_folder() / "tiering" / "scorecard.yaml"


def shipped(*change: str) -> Scorecard:
    text = PATH.read_text(encoding="utf-8")
    return read_scorecard((text.replace(*change) if change else text).encode(), name="scorecard.yaml")


def test_the_shipped_scorecard_gives_the_tiers_of_its_cases() -> None:
    assert len(shipped().cases) >= 8
    assert case_faults(shipped()) == []


def test_a_case_that_comes_out_otherwise_is_told() -> None:
    faults = case_faults(shipped("from_points: 12", "from_points: 13"))
    assert faults == ["twelve points are tier 1: tier 2 (12 points), not 1."]


def test_what_is_not_answered_counts_most_and_is_named() -> None:
    tier = tier_of({"purpose": "internal", "exposure_eur": None}, shipped())
    assert tier.tier == 1
    assert tier.unanswered == ("exposure_eur", "customer_impact", "complexity", "autonomy")
    assert "not answered, so it counts most" in tier.reasons[1]


def test_the_tier_names_the_scorecard_that_gave_it() -> None:
    scorecard = shipped()
    assert tier_of({}, scorecard).as_json()["scorecard"]["digest"] == scorecard.digest
    assert scorecard_of(scorecard.document) == scorecard


@pytest.mark.parametrize("value", [999_999, 999_999.99, Decimal("999999.99"), "999999.99"])
def test_a_band_ends_just_below_its_end(value: object) -> None:
    question = next(q for q in shipped().questions if q.id == "exposure_eur")
    assert (question.points(value), question.points(1_000_000)) == (0, 2)


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        ({"prupose": "fraud"}, 'no question "prupose". Did you mean "purpose"?'),
        ({"purpose": "fruad"}, '"fruad" is no answer. Did you mean "fraud"?'),
        ({"exposure_eur": "much"}, '"much" is no number'),
        ({"exposure_eur": True}, "true is no number"),
        ({"exposure_eur": float("nan")}, "nan is no number"),
    ],
)
def test_an_unknown_question_or_answer_is_refused(answers: dict[str, object], what: str) -> None:
    with pytest.raises(BadInput) as refusal:
        tier_of(answers, shipped())
    assert what in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("from_points: 0", "from_points: 1"), "must begin at 0 points"),
        (("from_points: 6", "from_points: 12"), "must begin at more points"),
        (("below: 50000000", "below: 5"), "must rise"),
        (("{points: 4}", "{below: 1, points: 4}"), "the last has none"),
        (("customer_impact: [denial]", "customer_impakt: [denial]"), 'Did you mean "customer_impact"?'),
        (("[denial]", "[refusal]"), "is no answer to customer_impact"),
        (("questions:", "question:"), 'Did you mean "questions"?'),
    ],
)
def test_a_scorecard_that_cannot_hold_is_refused_with_its_line(change: tuple[str, str], what: str) -> None:
    with pytest.raises(BadInput) as refusal:
        shipped(*change)
    assert "scorecard.yaml, line" in str(refusal.value)
    assert what in str(refusal.value)
