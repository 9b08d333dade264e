"""Assessment results against a schema of OSCAL 1.2.1."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from apps.engine.oscal import assessment_results

SCHEMA = Path(__file__).parent / "schemas" / "oscal-1.2.1-assessment-results.schema.json"
DIGEST = "sha256:" + "0123456789abcdef" * 4
ABOUT = [{"name": "credit-pd@1", "digest": {"sha256": DIGEST[7:]}}]
AT = "2026-03-01T12:00:00.000000Z"
GATES = [
    {
        "id": "fairness.selection",
        "outcome": "fail",
        "why": "Too low.",
        "controls": ["US26-11", "ss1/23 P1.2"],
    },
    {"id": "2nd gate é", "outcome": "error", "controls": []},
    {"id": "measured", "outcome": "pass", "controls": ["A"], "evidence": DIGEST},
    {"id": "elsewhere", "outcome": "not_applicable"},
]


@cache
def validator() -> Any:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    return jsonschema.validators.validator_for(schema)(schema)


def results(gates: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    said = {"decided_at": AT, "outcome": "fail", "gates": gates, **more}
    evidence = {DIGEST: {"predicate": {"measuredAt": AT}}}
    doc = assessment_results({"subject": ABOUT, "predicate": said}, digest=DIGEST, evidence=evidence)
    assert list(doc) == ["assessment-results"]
    return doc["assessment-results"]


@pytest.mark.parametrize("gates", [GATES, GATES[:1], GATES[3:], []])
@pytest.mark.parametrize("policies", [[], [{"id": "credit-tier1", "version": "3.1.0"}]])
def test_assessment_results_are_what_the_schema_asks_for(gates: Any, policies: Any) -> None:
    told = results(gates, policies=policies)
    assert [f"{error.json_path}: {error.message}" for error in validator().iter_errors(told)] == []


@pytest.mark.parametrize("name", ["uuid", "metadata", "import-ap", "results"])
def test_the_schema_is_really_asked(name: str) -> None:
    told = results(GATES)
    told[name] = "nothing of the kind !"
    assert list(validator().iter_errors(told))


def test_every_gate_that_applies_has_an_observation_and_a_finding() -> None:
    (result,) = results(GATES)["results"]
    states = [found["target"]["status"]["state"] for found in result["findings"]]
    assert states == ["not-satisfied", "not-satisfied", "satisfied"]
    assert len(result["observations"]) == 3
