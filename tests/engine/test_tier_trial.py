from __future__ import annotations

import pytest

from apps.engine.policy import shipped_folder
from apps.engine.tier import Scorecard, read_scorecard
from apps.engine.tier_trial import bump_fault, diff, lint, owner_of, survivors, weakenings

PATH = shipped_folder() / "tiering" / "scorecard.yaml"


def shipped(*changes: tuple[str, str]) -> Scorecard:
    text = PATH.read_text(encoding="utf-8")
    for one, other in changes:
        assert one in text
        text = text.replace(one, other)
    return read_scorecard(text.encode(), name="scorecard.yaml")


def test_the_shipped_scorecard_is_right_and_its_cases_notice_every_weakening() -> None:
    assert lint(shipped()) == survivors(shipped()) == []
    assert owner_of(shipped()) == "model-risk-policy"
    assert len({one.change for one in weakenings(shipped())}) == 9


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("owner: model-risk-policy", "owner: risk-oficer"), 'Did you mean "risk-officer"?'),
        (("from_points: 12", "from_points: 21"), "Tier 1 begins at 21 points; all answers together give"),
        (("from_points: 12", "from_points: 13"), "The case “twelve points are tier 1” fails: tier 2"),
        (("expect: 3", "expect: 2"), "No case expects tier 3."),
    ],
)
def test_lint_says_what_is_wrong(change: tuple[str, str], fault: str) -> None:
    assert any(fault in found for found in lint(shipped(change)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("fraud: 3", "fraud: 1"), "What the model decides: fraud 3 points → 1 point."),
        (("fraud: 3, ", ""), "What the model decides: fraud 3 points → no answer."),
        (("from_points: 12", "from_points: 11"), "Tier 1: from 12 points → 11 points (stricter)."),
        (("P730D", "P365D"), "Tier 2: reviewed every 730 → 365 days."),
        (("[generative]", "[network]"), "At least tier 2 for complexity network."),
        (("below: 1000000,", "below: 2000000,"), "0 below 2000000, 2 below 50000000"),
        (("Who acts on", "Who follows"), "Question: Who acts on the model's answer → Who follows"),
        (("title: Materiality of a model", "title: Gravity"), "Title: Materiality of a model → Gravity."),
    ],
)
def test_a_difference_is_told_in_words(change: tuple[str, str], said: str) -> None:
    assert any(said in told for told in diff(shipped(), shipped(change)))


@pytest.mark.parametrize(
    ("version", "change", "fault"),
    [
        ("1.1.1", ("Who acts on", "Who follows"), ""),
        ("1.1.1", ("fraud: 3", "fraud: 1"), "is a patch, which is for text only"),
        ("1.2.0", ("fraud: 3", "fraud: 1"), ""),
        ("1.1.0", ("fraud: 3", "fraud: 1"), "does not come after 1.1.0"),
        ("0.9.0", ("fraud: 3", "fraud: 1"), "does not come after 1.1.0"),
    ],
)
def test_a_version_says_what_kind_of_change_it_is(version: str, change: tuple[str, str], fault: str) -> None:
    found = bump_fault(shipped(), shipped(("version: 1.1.0", f"version: {version}"), change))
    assert fault in found
    assert bool(fault) == bool(found)
