"""Conditions and arguments of policies as an attacker writes them, and models of which nothing is known."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.engine.decide import decide
from apps.engine.policy import Library, Policy
from apps.engine.policy.judge import MeasuredGate, SubjectFacts
from apps.engine.policy.lint import lint
from apps.engine.policy.match import holds
from apps.engine.policy.read import read_policy

NOW = datetime(2026, 11, 22, tzinfo=UTC)
POLICY = """apiVersion: governance/v1
kind: Policy
metadata: {id: p, version: 1.0.0, title: P}
effective: {from: 2026-01-01}
applies_to: {match: {model.tier: [1]}}
gates:
  - {id: auc, check: performance.auc, with: {dataset: holdout}, pass: {min: 0.70}, enforcement: mandatory}
"""
TIER, WITH = "{model.tier: [1]}", "{dataset: holdout}"
MANY = ", ".join(map(str, range(100_000)))


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ((TIER, "{model.teir: [1]}"), '"model.teir" is no field of a model. Did you mean "model.tier"?'),
        ((TIER, "{model.tier: {matches: '(a+)+$'}}"), '"matches" is no operator'),
        ((TIER, "{model.tier: {gte: one}}"), "model.tier is a number"),
        ((TIER, "{model.tier: ['1']}"), "model.tier is a number"),
        ((TIER, "{model.tier: [true]}"), "model.tier is a number"),
        ((TIER, "{model.tier: {gte: .nan}}"), "nan"),
        ((TIER, "{model.tier: {gte: .inf}}"), "inf"),
        ((TIER, "{model.domain: {gt: 1}}"), "gt compares numbers"),
        ((TIER, "{model.tier: {gte: [1]}}"), "gte needs one value"),
        ((TIER, "{model.tier: {any_of: 1}}"), "any_of needs a list"),
        ((TIER, "{model.tier: {}}"), "needs an operator"),
        ((TIER, "{model.tier: []}"), "needs 1 to 200 values"),
        ((TIER, f"{{model.tier: [{MANY}]}}"), ""),
        ((TIER, "[model.tier]"), "must be a mapping"),
        ((WITH, "{dataset: holdout, sneaky: 1}"), "sneaky"),
        ((WITH, "{dataset: [holdout]}"), "dataset"),
        (("min: 0.70", "min: .nan"), "nan"),
        (("min: 0.70", "min: '0.70'"), "min"),
        (("min: 0.70", f"min: 0.{'7' * 5000}"), ""),
    ],
)
def test_what_a_condition_cannot_compare_is_refused_when_it_is_read(
    instead: tuple[str, str], said: str
) -> None:
    began = time.process_time()
    found = lint(POLICY.replace(*instead).encode(), name="p.yaml", library=Library({}))
    assert found
    assert said.lower() in " ".join(found).lower()
    assert time.process_time() - began < 1


@pytest.mark.parametrize("unknown", [None, "", float("nan"), float("inf"), "one", True, [], {}])
def test_what_nobody_knows_of_a_model_takes_no_duty_away(unknown: Any) -> None:
    assert holds({"model.tier": [1]}, {}, {"model.tier": unknown})
    assert holds({"model.tier": {"lte": 2}}, {}, {})
    assert holds({}, {"model.tier": {"gte": 3}}, {"model.tier": unknown})


def one() -> Policy:
    return read_policy(POLICY.encode(), name="p.yaml", library=Library({}))


@pytest.mark.parametrize(
    "changes",
    [
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": "0.99"},
        {"value": None},
        {"value": True},
        {"value": [0.9]},
        {"status": "fine"},
        {"check": "performance.ks"},
        {"check_version": ""},
    ],
    ids=str,
)
def test_no_model_and_no_number_makes_a_yes_of_what_cannot_be_judged(changes: dict[str, Any]) -> None:
    good = {
        "check": "performance.auc",
        "check_version": one().gates[0].check_version if hasattr(one().gates[0], "check_version") else "1",
        "status": "measured",
        "provenance": "governed",
        "value": 0.9,
    }
    measured = MeasuredGate(measurement={**good, **changes}, measured_at=NOW)
    made = decide(
        policies=[one()],
        measurements={"auc": measured},
        now=NOW,
        subject=SubjectFacts(model="m", version="1"),
    )
    assert made.outcome != "pass"


def test_a_gate_without_a_measurement_is_missing_and_never_passes() -> None:
    made = decide(policies=[one()], measurements={}, now=NOW, subject=SubjectFacts(model="m", version="1"))
    assert made.outcome != "pass"
