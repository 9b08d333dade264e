"""JUnit and SARIF of a decision: every field that readers need, and none that the formats do not know."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from jsonschema import Draft7Validator

from apps.engine.junit import junit_of
from apps.engine.sarif import SCHEMA, sarif_of

OUTCOMES = ("pass", "warn", "fail", "insufficient", "missing", "error", "not_applicable")
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


def many(of: dict[str, Any], least: int = 1) -> dict[str, Any]:
    return {"type": "array", "items": of, "minItems": least}


# What section 3 of the specification requires of the objects that are written here, and nothing beside it.
RULE = closed(
    ["id"],
    id={"type": "string"},
    shortDescription=TEXT,
    defaultConfiguration=closed([], level=LEVEL),
    properties={"type": "object", "properties": {"security-severity": {"pattern": r"^\d+\.\d$"}}},
)
PLACE = closed(
    ["artifactLocation"],
    artifactLocation=closed(["uri"], uri={"type": "string", "format": "uri-reference", "minLength": 1}),
    region=closed(["startLine"], startLine={"type": "integer", "minimum": 1}),
)
RESULT = closed(
    ["message"],
    ruleId={"type": "string"},
    ruleIndex={"type": "integer", "minimum": 0},
    kind={"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
    level=LEVEL,
    message=TEXT,
    locations=many(closed(["physicalLocation"], physicalLocation=PLACE)),
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
    properties={"type": "object"},
) | {
    "if": {"properties": {"kind": {"not": {"const": "fail"}}}},
    "then": {"properties": {"level": {"const": "none"}}},
}
DRIVER = closed(
    ["name"], name={"type": "string"}, semanticVersion={"pattern": r"^\d+\.\d+\.\d+"}, rules=many(RULE)
)
LOG = closed(
    ["version", "runs"],
    **{
        "$schema": {"const": SCHEMA},
        "version": {"const": "2.1.0"},
        "runs": many(
            closed(
                ["tool"],
                tool=closed(["driver"], driver=DRIVER),
                automationDetails=closed([], id={"pattern": "^[^/]+/.+/$"}),
                results=many(RESULT),
                properties={"type": "object"},
            )
        ),
    },
)


def decision(**changes: Any) -> dict[str, Any]:
    gates = [
        {"id": f"gate.{outcome}", "outcome": outcome, "why": "Why \x00 & <so>.", "policies": ["p"], **changes}
        for outcome in OUTCOMES
    ]
    subject = {"model": "credit & pd", "version": "1", "digest": "sha256:0"}
    policies = [{"id": "p", "version": "1.0.0"}, {"id": "q", "version": "2.0.0"}]
    return {"engine": "1.0.0", "outcome": "fail", "subject": subject, "policies": policies, "gates": gates}


@pytest.mark.parametrize("enforcement", ["mandatory", "advisory"])
def test_sarif_has_every_field_that_is_needed_and_none_that_is_unknown(enforcement: str) -> None:
    found = sarif_of(decision(enforcement=enforcement, bound={"min": 0.8}), "a folder/model.yaml")
    Draft7Validator(LOG).validate(found)
    run = found["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    assert len({one["partialFingerprints"]["gateKey/v1"] for one in run["results"]}) == len(OUTCOMES)
    failing = [one["ruleId"] for one in run["results"] if one["level"] == "error"]
    assert failing == ([] if enforcement == "advisory" else ["gate.fail"])


def test_junit_counts_what_it_holds_and_every_case_says_one_thing() -> None:
    suite = ET.fromstring(junit_of(decision()))[0]  # noqa: S314 - made here
    cases = suite.findall("testcase")
    assert {c.tag for c in suite} == {"properties", "testcase"}
    assert [suite.get(n) for n in ("tests", "failures", "errors", "skipped")] == ["7", "1", "3", "1"]
    for case in cases:
        assert case.attrib.keys() == {"name", "classname", "time"}
        assert len(case) == 1
        assert case[0].tag in ("failure", "error", "skipped", "system-out")
        assert case[0].tag == "system-out" or case[0].get("message")
        assert case.get("classname") == "policy.p@1.0.0"


def test_a_failed_gate_never_reads_as_passed() -> None:
    cases = ET.fromstring(junit_of(decision()))[0].findall("testcase")  # noqa: S314
    passed = {c.get("name") for c in cases if c.find("system-out") is not None}
    results = sarif_of(decision(), "model.yaml")["runs"][0]["results"]
    assert passed == {"gate.pass", "gate.warn"}
    assert {one["ruleId"] for one in results if one["kind"] == "pass"} == {"gate.pass"}
