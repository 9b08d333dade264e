from __future__ import annotations

import pytest

from apps.engine.determination import Questionnaire, case_faults, determined, read_questionnaire, shipped
from apps.engine.errors import BadInput
from apps.engine.policy import shipped_folder

PATH = shipped_folder() / "tiering" / "determination.yaml"
FIXED = {"estimates": "yes", "theory": "no", "fixed_rules": "yes", "inferred": "no", "generative": "no"}


def changed(*change: str) -> Questionnaire:
    return read_questionnaire(PATH.read_text(encoding="utf-8").replace(*change).encode(), name="d.yaml")


def test_the_shipped_definitions_come_out_as_their_cases_say() -> None:
    assert len(shipped().cases) >= 6
    assert case_faults(shipped()) == []


def test_without_answers_it_is_a_model_for_everyone() -> None:
    found = determined({"theory": None, "material": ""}, shipped())
    assert found.outcome == "model"
    assert {one["outcome"] for one in found.outcomes.values()} == {"model"}
    assert len(found.unanswered) == len(shipped().questions)


def test_a_model_for_one_regime_is_a_model() -> None:
    found = determined({**FIXED, "assumptions": "yes"}, shipped())
    assert found.outcomes["us-sr26-2"]["outcome"] == "non-model"
    assert found.outcomes["uk-ss1-23"]["outcome"] == found.outcome == "model"
    assert found.days == 1095


def test_what_is_no_model_for_anyone_is_asked_about_again_sooner() -> None:
    found = determined({**FIXED, "estimates": "no", "assumptions": "no", "material": "no"}, shipped())
    assert (found.outcome, found.days) == ("non-model", 365)
    assert all(one["citation"] for one in found.outcomes.values())


def test_the_outcome_names_the_questionnaire() -> None:
    assert determined({}, shipped()).as_json()["questionnaire"]["digest"] == shipped().digest


@pytest.mark.parametrize(
    ("answers", "what"), [({"teory": "no"}, 'Did you mean "theory"?'), ({"theory": "perhaps"}, "yes or no")]
)
def test_an_unknown_question_or_answer_is_refused(answers: dict[str, str], what: str) -> None:
    with pytest.raises(BadInput) as refusal:
        determined(answers, shipped())
    assert what in str(refusal.value)


def test_a_case_that_comes_out_otherwise_is_told() -> None:
    faults = case_faults(changed('when: {generative: "yes"}', 'when: {generative: "no"}'))
    assert any("us-sr26-2 says model, not outside" in fault for fault in faults)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("regime: us-sr11-7-legacy", "regime: us-sr26-2"), "us-sr26-2 is defined twice"),
        (('when: {generative: "yes"}', 'when: {generativ: "yes"}'), 'Did you mean "generative"?'),
        (('when: {generative: "yes"}', "when: {}"), "would take everything out"),
        (("- id: theory", "- id: estimates"), 'The question "estimates" stands twice'),
        (('when: {generative: "yes"}', "when: {generative: true}"), "must be text"),
    ],
)
def test_a_questionnaire_that_cannot_hold_is_refused_with_its_line(
    change: tuple[str, str], what: str
) -> None:
    with pytest.raises(BadInput, match="line") as refusal:
        changed(*change)
    assert what in str(refusal.value)
