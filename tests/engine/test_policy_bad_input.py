"""What a policy file may hold and must not: each refused with its line and its cause."""

from __future__ import annotations

import time

import pytest

from apps.engine.policy import Library
from apps.engine.policy.lint import lint
from apps.engine.policy.regulation import shipped_controls

POLICY = """apiVersion: governance/v1
kind: Policy
metadata: {id: p, version: 1.0.0, title: P, controls: [us-sr26-2/US26-10]}
effective: {from: 2026-01-01, until: 2027-01-01}
extends: [base@1]
applies_to: {match: {model.kind: [classifier], model.vendor: [true]}}
gates:
  - {id: auc, check: performance.auc, pass: {min: 0.70}, warn: {min: 0.75}}
  - {id: psi, check: stability.psi, pass: {max: 0.25}}
approvals:
  separation_of_duties: [{rule: distinct_people_across_steps}]
  steps:
    - {id: validation, role: validator, quorum: 1}
    - {id: second-look, role: validator, quorum: 1, after: [validation]}
"""
BASE = """apiVersion: governance/v1
kind: Policy
metadata: {id: base, version: 1.0.0, title: Base}
effective: {from: 2026-01-01}
extends: []
gates: []
"""
LEVELS = "deep: " + "[" * 5000
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


def faults(text: str, *others: str) -> list[str]:
    library = Library({f"{i}.yaml": other.encode() for i, other in enumerate(others or (BASE,))})
    return lint(text.encode(), name="p.yaml", library=library, controls=shipped_controls())


def test_the_policy_itself_is_right() -> None:
    assert faults(POLICY) == []


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (("kind: Policy", "kind: Policy\nkind: Policy"), "line 3, column 1", 'the key "kind" stands here'),
        (("gates:\n", "gates:\n\t"), "line 8, column 1", "a tab cannot indent"),
        (("apiVersion", "\ufeffapiVersion"), "line 1, column 1", "a byte order mark is not allowed"),
        (("approvals:", f"{LEVELS}\napprovals:"), "line 10, column 57", "more than 50 levels are not"),
        (("gates:\n", f"{BOMB}gates:\n"), "line 7, column 4", 'the anchor "&a" is not allowed'),
        (("performance.auc", "performance.auk"), "line 8, column 22", 'Did you mean "performance.auc"?'),
        (("{min: 0.70}", "{max: 0.70}"), "line 8, column 51", "higher is better, so pass needs min, not max"),
        (("{max: 0.25}", "{max: -0.25}"), "line 9, column 49", "with max -0.25 nothing can pass"),
        (("{min: 0.70}", "{min: -0.70}"), "line 8, column 51", "with min -0.70 everything passes"),
        (("warn: {min: 0.75}", "warn: {min: 0.60}"), "line 8, column 70", "can never be reached"),
        (("{min: 0.70}", "{min: 0.9, max: 0.8}"), "line 8, column 51", "min 0.9 is above max 0.8; nothing"),
        (("role: validator", "role: valuator"), "line 13, column 30", 'Did you mean "validator"?'),
        (("US26-10", "US26-99"), "line 3, column 56", 'There is no control "us-sr26-2/US26-99".'),
        (("until: 2027", "until: 2025"), "line 4, column 38", "not after it begins on 2026-01-01"),
        (("base@1", "p@1"), "line 5, column 11", "p@1 extends itself"),
        (("base@1", "base@2"), "line 5, column 11", "base has no version 2.x.y; there is 1.0.0"),
        (("after: [validation]", "after: [second-look]"), "line 13, column 5", "have to come after itself"),
        (("quorum: 1}", "quorum: 0}"), "line 13, column 49", "must be at least 1, not 0"),
        (("quorum: 1}", "quorum: 21}"), "line 13, column 49", "The step validation asks for 21 people."),
        (("quorum: 1", "quorum: 12"), "line 13, column 5", "together for 24 different people of the"),
        (
            ("approvals:", "waivers: {approval: {role: committee, quorum: 30}}\napprovals:"),
            "line 10, column 47",
            "A waiver would ask for 30 people.",
        ),
        (
            ("model.vendor: [true]", "model.regimes: [us-sr26]"),
            "line 6, column 63",
            'No model has the model.regimes "us-sr26". Did you mean "us-sr26-2"?',
        ),
        (
            ("max: 0.25}}", "max: 0.25}, unless: {model.kind: clasifier}}"),
            "line 9, column 77",
            'No model has the model.kind "clasifier". Did you mean "classifier"?',
        ),
        (("gates:\n", "parameters: {least: 30}\ngates:\n"), "line 7, column 21", "write $least there"),
        (
            ("max: 0.25}}", "max: 0.25}, with: {floor: $f}}\nparameters: {f: null}"),
            "line 9, column 70",
            'The parameter "f" has no value.',
        ),
        (("max: 0.25}}", 'max: 0.25}, with: {dataset: " "}}'), "line 9, column 72", "No data set can be"),
        (("kind: Policy", f"kind: Policy\n{'x' * 900}: 1"), "line 3, column 1", "xxx…."),
        (("max: 0.25}}", "max: 0.25}, source: law}"), "line 9, column 64", "the gate names no control"),
    ],
)
def test_what_is_wrong_is_refused_where_it_stands(change: tuple[str, str], where: str, what: str) -> None:
    began = time.process_time()
    found = "\n".join(faults(POLICY.replace(*change)))
    assert f"p.yaml, {where}: " in found
    assert what in found
    assert time.process_time() - began < 1


def test_a_circle_of_extensions_is_told_with_its_members() -> None:
    other = BASE.replace("extends: []", "extends: [p@1]")
    assert faults(POLICY, other) == [
        "p.yaml, line 5, column 11: 0.yaml, line 5, column 11: extends goes round in a circle: p → base → p."
    ]


def test_two_files_that_claim_the_version_that_is_extended_are_both_named() -> None:
    twins = (BASE, BASE.replace("title: Base", "title: Other"))
    assert faults(POLICY, *twins) == [
        "p.yaml, line 5, column 11: 0.yaml and 1.yaml both claim to be base@1.0.0 and differ."
    ]


@pytest.mark.parametrize(
    ("condition", "where", "what"),
    [
        ("match: {model.kind: [regressor]}", "line 9, column 76", "and it asks for regressor."),
        ("unless: {model.kind: [classifier, ranker]}", "line 9, column 77", "and it leaves all of that out."),
        (
            "unless: {model.vendor: [true]}",
            "line 9, column 79",
            "the policy speaks of model.vendor true only",
        ),
    ],
)
def test_a_gate_that_no_model_is_ever_asked_is_told(condition: str, where: str, what: str) -> None:
    found = faults(POLICY.replace("pass: {max: 0.25}", f"pass: {{max: 0.25}}, {condition}"))
    assert len(found) == 1
    assert found[0].startswith(f"p.yaml, {where}: psi can never be asked: ")
    assert found[0].endswith(what) or what in found[0]


def test_a_gate_that_some_models_are_asked_is_right() -> None:
    some = "pass: {max: 0.25}, match: {model.kind: [classifier, regressor], model.tier: [1]}"
    assert faults(POLICY.replace("pass: {max: 0.25}", some)) == []


@pytest.mark.parametrize(
    ("source", "control", "told"),
    [
        ("law", "us-sr26-2/US26-10", "us-sr26-2/US26-10 leaves the number to the firm"),
        ("guidance", "us-reg-b-fcra/RB-08", "us-reg-b-fcra/RB-08 has a number of the law"),
        ("law", "us-sr26-2/US26-11", "us-sr26-2/US26-11 sets no number"),
        ("law", "us-reg-b-fcra/RB-08", ""),
        ("guidance", "us-ugesp-four-fifths/UG-01", ""),
    ],
)
def test_a_number_is_called_the_laws_only_where_a_control_says_so(
    source: str, control: str, told: str
) -> None:
    found = faults(POLICY.replace("max: 0.25}}", f"max: 0.25}}, source: {source}, controls: [{control}]}}"))
    assert [told in one for one in found] == ([True] if told else [])


def test_no_policy_takes_its_own_place_or_that_of_its_parent() -> None:
    text = POLICY.replace("title: P,", "title: P, supersedes: [p, base, older],")
    assert [one.split(": ", 1)[1] for one in faults(text)] == [
        "p cannot take its own place.",
        "base cannot be superseded by a policy that extends it.",
    ]
