from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from apps.engine.errors import BadInput
from apps.engine.evaluate import decided, evaluate, facts_of, measure_gates, questions, subject_json
from apps.engine.policy import Policy, read_policy
from apps.engine.subject import Subject, load
from tests.engine.subjects import PEOPLE, write_subject

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HEAD = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: tiny, version: 1.0.0, title: Tiny}
effective: {from: 2026-01-01}
gates:
"""
AUC = "  - {id: auc, title: It ranks, check: performance.auc, pass: {min: 0.7}}\n"
SAME = "  - {id: auc.again, title: It ranks, check: performance.auc, pass: {min: 0.99}}\n"
PSI = "  - {id: psi, title: It stays, check: stability.psi, pass: {max: 0.25}}\n"
KS = "  - {id: score.ks, title: It parts, check: performance.ks, pass: {min: 0.1}}\n"
OTHERS = """\
  - id: eu
    title: Only there
    check: performance.ks
    pass: {min: 0.1}
    match: {model.jurisdictions: [EU]}
"""


def policy(*gates: str) -> Policy:
    return read_policy((HEAD + "".join(gates)).encode(), name="tiny.yaml")


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return load(write_subject(tmp_path, jurisdictions=["US"], tier=1, domain="credit"))


def test_the_evaluation_has_the_form_of_the_interface(subject: Subject) -> None:
    found = evaluate(subject, [policy(AUC)], now=NOW)
    assert found["kind"] == "Evaluation"
    assert found["outcome"] == "pass"
    assert found["subject"]["digest"] == subject.digest
    assert found["subject"]["datasets"]["holdout"] == {
        "digest": subject.datasets["holdout"].digest,
        "rows": 8,
    }
    assert found["policy"]["id"] == "tiny"
    assert found["gates"][0]["measurement"]["value"] == pytest.approx(14 / 15)
    json.dumps(found, allow_nan=False)


def test_one_failed_gate_fails_the_whole(subject: Subject) -> None:
    found = evaluate(subject, [policy(AUC, SAME)], now=NOW)
    assert found["outcome"] == "fail"
    assert [gate["outcome"] for gate in found["gates"]] == ["pass", "fail"]


def test_one_class_is_insufficient_and_never_a_pass(tmp_path: Path) -> None:
    table = {**PEOPLE, "defaulted": [0] * 8}
    found = evaluate(load(write_subject(tmp_path, {"holdout": table})), [policy(AUC)], now=NOW)
    assert found["outcome"] == "insufficient"
    assert found["gates"][0]["measurement"]["value"] is None


def test_a_gate_of_other_models_is_not_asked(subject: Subject) -> None:
    steps: list[Any] = []
    found = evaluate(subject, [policy(AUC, OTHERS)], now=NOW, progress=steps.append)
    assert found["gates"][1]["outcome"] == "not_applicable"
    assert [step["gate"] for step in steps] == ["auc", None]
    assert steps[-1] == {"done": 1, "of": 1, "gate": None}


def test_gates_with_one_question_share_a_measurement(subject: Subject) -> None:
    asked = questions([policy(AUC, SAME)], facts_of(subject.manifest))
    found = measure_gates(subject, asked)
    assert found["auc"] is found["auc.again"]


def test_facts_are_those_that_the_manifest_states(subject: Subject) -> None:
    facts = facts_of(subject.manifest)
    assert facts["model.key"] == "credit-pd"
    assert (facts["model.tier"], facts["model.jurisdictions"]) == (1, ["US"])
    assert "model.vendor" not in facts


def test_measuring_and_deciding_apart_come_to_the_same(subject: Subject) -> None:
    policies, facts = [policy(AUC, SAME)], facts_of(subject.manifest)
    handed = json.loads(json.dumps(measure_gates(subject, questions(policies, facts))))
    decision = decided(subject_json(subject), policies, handed, facts=facts, now=NOW)
    whole = evaluate(subject, policies, now=NOW)
    assert decision.outcome == whole["outcome"]
    assert [gate.why for gate in decision.gates] == [gate["why"] for gate in whole["gates"]]


@pytest.mark.parametrize(
    ("gate", "roles", "sentence"),
    [
        (AUC, {"label": None}, "needs the field label"),
        (PSI, {}, 'reference data set "development", which the manifest lacks; it has holdout.'),
        (AUC.replace("pass:", "with: {dataset: later}, pass:"), {}, 'no data set "later"; it has holdout.'),
    ],
)
def test_what_the_manifest_lacks_makes_one_gate_insufficient(
    tmp_path: Path, gate: str, roles: dict[str, None], sentence: str
) -> None:
    subject = load(write_subject(tmp_path, roles=roles))
    found = evaluate(subject, [policy(gate, KS)], now=NOW)
    assert found["outcome"] == "insufficient"
    assert found["gates"][0]["outcome"] == "insufficient"
    assert sentence in found["gates"][0]["measurement"]["notes"][0]
    assert found["gates"][1]["outcome"] == ("insufficient" if roles else "pass")


def test_a_gate_whose_files_are_wrong_names_itself(tmp_path: Path) -> None:
    subject = load(write_subject(tmp_path, roles={"label": {"column": "defaulte", "positive": 1}}))
    sentence = r'The gate auc cannot be measured\. .* has no column "defaulte", which is its label\.'
    with pytest.raises(BadInput, match=sentence):
        evaluate(subject, [policy(AUC)], now=NOW)


def test_no_policy_is_no_yes(subject: Subject) -> None:
    found = evaluate(subject, [], now=NOW)
    assert (found["outcome"], found["policy"], found["gates"]) == ("no_policy", None, [])


def test_two_evaluations_give_the_same_bytes(tmp_path: Path) -> None:
    def answer() -> str:
        return json.dumps(evaluate(load(tmp_path), [policy(AUC)], now=NOW))

    write_subject(tmp_path)
    assert answer() == answer()


def test_a_column_that_these_data_lack_makes_one_gate_insufficient(subject: Subject) -> None:
    override = "  - {id: ov, title: Few, check: performance.override_rate, with: {override: overridden}"
    gates = policy(AUC, override + ", pass: {max: 0.1}, enforcement: advisory}\n")
    found = evaluate(subject, [gates], now=NOW)
    assert found["outcome"] == "pass"
    assert found["gates"][1]["outcome"] == "insufficient"
    assert 'There is no column "overridden" of overrides' in found["gates"][1]["why"]


def test_groups_of_a_column_that_these_data_lack_make_one_gate_insufficient(subject: Subject) -> None:
    ratio = "  - {id: ll, title: Alike, check: fairness.ll144_selection, pass: {min: 0}"
    found = evaluate(subject, [policy(AUC, ratio + ", with: {attributes: [race_ethnicity]}}\n")], now=NOW)
    assert found["outcome"] == "insufficient"
    assert 'no column "race_ethnicity"' in found["gates"][1]["why"]
