from __future__ import annotations

import pytest

from apps.engine.policy import Library, read_policy, shipped_folder
from apps.engine.policy.asks import gate_sentence, policy_sentences

TEXT = (shipped_folder() / "credit-tier1" / "policy.yaml").read_text()


@pytest.mark.parametrize("entry", Library.shipped().entries(), ids=lambda entry: entry.id)
def test_every_shipped_policy_can_be_read_aloud(entry: object) -> None:
    policy = read_policy(entry.data, name="policy.yaml")  # type: ignore[attr-defined]
    said = [*policy_sentences(policy), *map(gate_sentence, policy.gates)]
    assert all(line.endswith(".") and "None" not in line and "{" not in line for line in said)


def test_a_sentence_says_what_follows_a_failure() -> None:
    gates = {gate.id: gate_sentence(gate) for gate in read_policy(TEXT.encode(), name="p").gates}
    assert "must be at least 0.80. Below 0.85 it warns." in gates["fairness.selection"]
    assert "until a waiver covers it" in gates["fairness.selection"]
    assert "nobody can waive it" in gates["security.artifact"]
    assert "blocks nothing" in gates["explainability.importance"]
    assert "against “development” must be at most 0.25. Above 0.10 it warns." in gates["stability.psi"]
    assert "not asked where model.artifact_format is none" in gates["explainability.additivity"]


def test_an_interval_and_a_handed_in_number_are_said() -> None:
    text = TEXT.replace(
        "    pass: {min: 0.70}", "    pass: {min: 0.70}\n    basis: interval\n    source: law", 1
    )
    text = text.replace("    source: firm\n", "", 1)
    said = gate_sentence(
        next(g for g in read_policy(text.encode(), name="p").gates if g.check.endswith("auc"))
    )
    assert "the whole 95 % interval must hold" in said
    assert "A law sets the bound." in said


def test_the_whole_names_models_people_papers_and_times() -> None:
    said = " ".join(policy_sentences(read_policy(TEXT.encode(), name="p")))
    assert "models in production where model.tier is 1 and model.domain is credit" in said
    assert "3 people sign as committee (step “committee”, after risk)" in said
    assert "Validation report (report) signed by someone with the role validator" in said
    assert "renewed at most 1 time." in said
