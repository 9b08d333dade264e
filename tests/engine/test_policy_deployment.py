"""What a policy says of deploying: read strictly, only tightened, told when changed, asked of a request."""

from __future__ import annotations

from typing import Any

import pytest

from apps.engine.admission.patterns import outside_patterns
from apps.engine.errors import BadInput
from apps.engine.policy import read_policy
from apps.engine.policy.asks import policy_sentences
from apps.engine.policy.diff import bump_fault, diff
from apps.engine.policy.form import Fault
from apps.engine.policy.inherit import merged
from apps.engine.policy.lint import lint
from apps.engine.policy.model import Policy
from apps.engine.properties import Stated, checked_properties, read_properties

TEXT = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: ways, version: 1.0.0, title: How we deploy, owner: model-risk-policy}
effective: {from: 2026-01-01, until: null}
gates: []
deployment:
  types: [service, batch_job]
  patterns:
    - id: canary
      types: [service]
      requires:
        {canary_percent: {min: 1, max: 10}, rollback_plan: {stated: true}, image_signed: {equals: true}}
    - {id: nightly, types: [batch_job], requires: {schedule: {one_of: [nightly, weekly]}}}
"""
CANARY: dict[str, Stated] = {"canary_percent": 10, "rollback_plan": "RB-7", "image_signed": True}


def policy(*changes: tuple[str, str]) -> Policy:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return read_policy(text.encode(), name="policy.yaml")


def said(deploy_type: str, **properties: Stated) -> list[str]:
    return [reason.code for reason in outside_patterns([policy()], deploy_type, properties)]


def test_what_fits_a_pattern_is_let_through() -> None:
    assert said("service", **CANARY) == []
    assert said("batch_job", schedule="weekly") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("canary_percent", 10.5),
        ("canary_percent", 0),
        ("canary_percent", "5"),
        ("canary_percent", True),
        ("canary_percent", float("nan")),
        ("rollback_plan", " "),
        ("rollback_plan", False),
        ("image_signed", "true"),
        ("image_signed", 1),
        ("image_signed", False),
    ],
)
def test_what_is_stated_otherwise_fits_none(name: str, value: Any) -> None:
    assert said("service", **{**CANARY, name: value}) == ["outside_patterns"]


@pytest.mark.parametrize("name", CANARY)
def test_what_is_not_stated_does_not_fit(name: str) -> None:
    stated = {key: value for key, value in CANARY.items() if key != name}
    assert said("service", **stated) == ["outside_patterns"]


def test_a_type_that_no_policy_names_and_none_at_all_are_refused_by_name() -> None:
    assert (said("spreadsheet", **CANARY), said("", **CANARY)) == (["deploy_type"], ["deploy_type"])
    told = next(outside_patterns([policy()], "", {})).message
    assert told == "ways@1.0.0 allows to deploy service or batch_job, and the request states no type."


def test_the_reason_names_every_pattern_and_what_it_lacks() -> None:
    told = next(outside_patterns([policy()], "service", {**CANARY, "canary_percent": 25})).message
    assert told == (
        "It fits no deploy pattern of ways@1.0.0. canary: canary_percent must be at least 1 and at most "
        "10, and 25 is stated; nightly: it is for batch_job."
    )


def test_each_policy_asks_for_itself_and_one_without_a_word_asks_nothing() -> None:
    silent = read_policy(TEXT[: TEXT.index("deployment:")].encode(), name="p")
    strict = policy(("id: ways", "id: stricter"), ("max: 10", "max: 5"))
    assert list(outside_patterns([silent], "", {})) == []
    found = list(outside_patterns([silent, policy(), strict], "service", CANARY))
    assert [reason.message.split(".")[0] for reason in found] == ["It fits no deploy pattern of stricter@1"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[service, batch_job]", "[service, batchjob]", "Did you mean"),
        ("{min: 1, max: 10}", "{min: 11, max: 10}", "can never hold"),
        ("{min: 1, max: 10}", "{max: 10, equals: true}", "asks one thing"),
        ("{stated: true}", "{stated: false}", "asks nothing"),
        ("rollback_plan", "Rollback", "no name of a property"),
        ("id: nightly", "id: canary", "a second time"),
        ("[service, batch_job]", "[service]", "leaves out"),
        ("equals: true", "equals: yes", "must be true or false"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(old: str, new: str, told: str) -> None:
    faults = lint(TEXT.replace(old, new).encode(), name="policy.yaml")
    assert any(fault.startswith("policy.yaml, line ") and told in fault for fault in faults)


def test_a_child_leaves_out_and_asks_more_and_nothing_else() -> None:
    parent, faults = policy().document, list[Fault]()
    fewer = {
        "types": ["service"],
        "patterns": [{**_canary(), "requires": {**_canary()["requires"], "x": {}}}],
    }
    kept = merged({**parent, "deployment": fewer}, parent, faults)
    assert (faults, kept["deployment"]) == ([], fewer)
    assert merged({**parent, "deployment": {}}, parent, faults)["deployment"] == parent["deployment"]
    looser = {"types": ["dashboard"], "patterns": [{**_canary(), "requires": {}}, {"id": "any", "types": []}]}
    merged({**parent, "deployment": looser}, parent, faults)
    told = " ".join(fault.sentence for fault in faults)
    assert "types adds dashboard" in told
    assert "canary: canary_percent asks less" in told
    assert "any is no pattern" in told


def _canary() -> dict[str, Any]:
    return dict(policy().document["deployment"]["patterns"][0])


def test_a_change_is_told_and_is_no_patch() -> None:
    wider = policy(("max: 10", "max: 20"), ("1.0.0", "1.0.1"))
    assert [change.effect for change in diff(policy(), wider)] == ["changed"]
    assert "is a patch" in bump_fault(policy(), wider)
    silent = read_policy(TEXT[: TEXT.index("deployment:")].encode(), name="p")
    assert {change.effect for change in diff(silent, policy())} == {"stricter"}
    assert {change.effect for change in diff(policy(), silent)} == {"looser"}


def test_the_policy_says_it_in_sentences() -> None:
    told = policy_sentences(policy())
    assert "A version is deployed as service or batch_job, and as nothing else." in told
    assert told[-1] == "Deploy pattern “nightly”: as batch_job, stating schedule one of nightly, weekly."


def test_properties_are_read_from_a_text() -> None:
    text = "canary_percent=7.5\nimage_signed=true, rollback_plan=RB=7"
    assert read_properties(text) == {
        "canary_percent": 7.5,
        "image_signed": True,
        "rollback_plan": "RB=7",
    }


@pytest.mark.parametrize("text", ["x", "x=", "X=1", "x=1,x=2", "x=" + "y" * 201, "x=a\u202eb", "=1"])
def test_what_is_no_property_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="propert"):
        read_properties(text)


@pytest.mark.parametrize("value", [None, [], {}, "", " ", 1e16, float("inf"), 10**40, b"x"])
def test_a_property_is_a_word_a_number_or_a_text(value: Any) -> None:
    with pytest.raises(BadInput, match="x must be"):
        checked_properties({"x": value})
