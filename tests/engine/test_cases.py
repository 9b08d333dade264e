from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from apps.engine.errors import BadInput
from apps.engine.policy import Library, Policy, read_policy, shipped_folder
from apps.engine.policy.diff import bump_fault, diff
from apps.engine.policy.lint import lint, lint_file
from apps.engine.policy.regulation import read_controls, shipped_controls
from apps.engine.trial.cases import Case, read_cases, uncovered
from apps.engine.trial.mutate import mutants, survivors

PACKS = sorted(path.parent.name for path in shipped_folder().glob("*/policy.yaml"))
POLICY = """apiVersion: governance/v1
kind: Policy
metadata: {id: p, version: 1.0.0, title: P}
effective: {from: 2026-01-01}
applies_to: {match: {model.tier: [1]}}
gates:
  - {id: auc, title: The AUC, check: performance.auc, pass: {min: 0.70}, warn: {min: 0.75},
     enforcement: waivable}
approvals: {steps: [{id: validation, role: validator, quorum: 2}, {id: risk, role: risk-officer}]}
evidence: [{id: report, type: report}]
"""
CASES = """apiVersion: governance/v1
kind: Cases
policy: p
now: 2026-11-21T12:00:00Z
subject: {model.tier: 1}
gates:
  auc:
    enforcement: waivable
    passes: [0.76]
    boundary: 0.70
    warns: [0.74]
    fails: [0.699]
    cannot_be_measured: [missing, insufficient]
steps: {validation: 2, risk: 1}
documents: [report]
cases:
  - {name: another tier, given: {subject: {model.tier: 2}}, expect: {applies: false}}
"""


def policy(text: str = POLICY) -> Policy:
    return read_policy(text.encode(), name="p.yaml", library=Library({}))


def cases(text: str = CASES) -> list[Case]:
    return read_cases(text.encode(), name="c.yaml", policy=policy())


def shipped(pack: str) -> tuple[Policy, list[Case]]:
    folder = shipped_folder() / pack
    made = read_policy((folder / "policy.yaml").read_bytes(), name=pack)
    files = sorted((folder / "cases").glob("*.yaml"))
    return made, [case for file in files for case in _cases_of(file, made)]


def _cases_of(file: Path, made: Policy) -> list[Case]:
    return read_cases(file.read_bytes(), name=file.name, policy=made)


# What is shipped -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", PACKS)
def test_a_shipped_policy_is_right_and_its_cases_come_out(pack: str) -> None:
    assert lint_file(shipped_folder() / pack / "policy.yaml", controls=shipped_controls()) == []
    made, given = shipped(pack)
    assert [(case.name, case.faults(made)) for case in given if case.faults(made)] == []


@pytest.mark.parametrize("pack", PACKS)
def test_every_gate_of_a_shipped_policy_is_covered_and_every_weakening_noticed(pack: str) -> None:
    made, given = shipped(pack)
    assert uncovered(made, given) == []
    assert [mutant.change for mutant in survivors(made, given)] == []


# Cases ---------------------------------------------------------------------------------------------


def test_the_short_form_spells_out_every_case() -> None:
    names = [case.name for case in cases()]
    assert len(names) == 13
    assert names[0] == "auc passes: 0.76"
    assert "auc fails and is waived" in names
    assert "validation is signed by 1 of 2" in names
    assert "without the document report" in names


def test_a_case_says_what_came_out_instead_and_why() -> None:
    looser = replace(policy(), gates=(replace(policy().gates[0], enforcement="advisory"),))
    (case,) = [case for case in cases() if case.name == "auc fails: 0.699"]
    assert case.faults(policy()) == []
    assert case.faults(looser) == ["the outcome is pass, not fail"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("  auc:", "  acu:"), 'p has no gate "acu". Did you mean "auc"?'),
        (("passes: [0.76]", "passes: [mising]"), 'Did you mean "missing"?'),
        (("steps: {validation: 2", "steps: {validaton: 2"), 'Did you mean "validation"?'),
        (("[report]", "[reprot]"), 'Did you mean "report"?'),
        (("policy: p", "policy: q"), 'These are cases of "q", not of "p"'),
        (("applies: false", "aplies: false"), 'Did you mean "applies"?'),
        (("model.tier: 2", "model.teir: 2"), 'Did you mean "model.tier"?'),
    ],
)
def test_cases_that_cannot_be_meant_are_refused_with_their_line(change: tuple[str, str], what: str) -> None:
    with pytest.raises(BadInput) as refusal:
        cases(CASES.replace(*change))
    assert "c.yaml, line" in str(refusal.value)
    assert what in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "gap"),
    [
        ("    passes: [0.76]\n", 'auc has no case under "passes".'),
        ("    fails: [0.699]\n", 'auc has no case under "fails".'),
        ("    boundary: 0.70\n", "auc has no case on its boundary, 0.70."),
        ("    cannot_be_measured: [missing, insufficient]\n", 'auc has no case under "cannot_be_measured".'),
    ],
)
def test_what_the_cases_leave_out_is_told(line: str, gap: str) -> None:
    assert uncovered(policy(), cases()) == []
    assert uncovered(policy(), cases(CASES.replace(line, ""))) == [gap]


# Mutation ------------------------------------------------------------------------------------------


def test_every_weakening_is_tried() -> None:
    assert [mutant.change for mutant in mutants(policy())] == [
        "auc deleted",
        "auc min 0.70 → 0.69",
        "auc enforcement waivable → advisory",
        "step validation dropped",
        "step validation quorum 2 → 1",
        "step risk dropped",
        "document report dropped",
    ]


@pytest.mark.parametrize(
    ("change", "survivor"),
    [
        (("fails: [0.699]", "fails: [0.5]"), "auc min 0.70 → 0.69"),
        (("steps: {validation: 2, risk: 1}\n", ""), "step validation dropped"),
        (("documents: [report]\n", ""), "document report dropped"),
    ],
)
def test_a_weakening_that_no_case_notices_is_named(change: tuple[str, str], survivor: str) -> None:
    assert survivors(policy(), cases()) == []
    assert survivor in [mutant.change for mutant in survivors(policy(), cases(CASES.replace(*change)))]


# Lint, diff, controls ------------------------------------------------------------------------------


def test_lint_tells_everything_that_is_wrong_at_once() -> None:
    text = (
        POLICY.replace("min: 0.70", "min: high")
        .replace("quorum: 2", "quorum: 0")
        .replace("title: P}", "titel: P}")
    )
    faults = lint(text.encode(), name="p.yaml")
    assert len(faults) == 4
    assert 'Did you mean "title"?' in faults[0]


def test_lint_knows_the_controls_and_what_no_firm_can_do() -> None:
    text = POLICY.replace("quorum: 2", "quorum: 40").replace("title: P}", "title: P, controls: [us-x/US-1]}")
    faults = lint(text.encode(), name="p.yaml", controls={})
    assert [fault.split(": ", 1)[1] for fault in faults] == [
        "The step validation asks for 40 people.",
        'There is no control "us-x/US-1".',
    ]


def test_diff_speaks_words_and_knows_what_is_stricter() -> None:
    newer = policy(
        POLICY.replace("min: 0.70", "min: 0.72")
        .replace("quorum: 2", "quorum: 1")
        .replace("title: The AUC", "title: AUC")
    )
    assert [str(change) for change in diff(policy(), newer)] == [
        "auc: floor 0.70 → 0.72 (stricter)",
        "auc: title The AUC → AUC (text only)",
        "step validation: quorum 2 → 1 (looser)",
    ]


@pytest.mark.parametrize(
    ("version", "change", "fault"),
    [
        ("1.0.1", ("min: 0.70", "min: 0.71"), "is a patch, which is for text only: auc: floor 0.70 → 0.71"),
        ("1.1.0", ("min: 0.70", "min: 0.71"), ""),
        ("1.0.1", ("title: The AUC", "title: AUC"), ""),
        ("1.0.0", ("title: The AUC", "title: AUC"), "does not come after 1.0.0"),
        ("1.0.1", ("title: P}", "title: P, owner: committee}"), "text only: owner: model-risk-policy → comm"),
        ("1.0.1", ("title: P}", "title: P, supersedes: [q]}"), "text only: supersedes: [] → [q] (changed)"),
        ("1.0.1", ("evidence:", "validity: {on_expiry: block_all}\nevidence:"), "on_expiry block_new_depl"),
        ("1.0.1", ("evidence:", "validity: {remind_before: [P9D]}\nevidence:"), "reminders none → 9 days"),
        ("1.0.1", ("evidence:", "on_missing: pending\nevidence:"), "on_missing fail → pending (looser)"),
    ],
)
def test_a_patch_may_change_text_only(version: str, change: tuple[str, str], fault: str) -> None:
    newer = policy(POLICY.replace("version: 1.0.0", f"version: {version}").replace(*change))
    found = bump_fault(policy(), newer)
    assert fault in found
    assert bool(fault) == bool(found)


def test_controls_say_where_they_come_from_and_refuse_twins() -> None:
    text = """apiVersion: governance/v1
kind: Controls
framework: {id: us-x, title: X, status: live}
controls:
  - {id: US-1, title: A, citation: Section 1, verify: true}
"""
    found = read_controls(text.encode(), name="c.yaml")
    assert found["us-x/US-1"].verify
    twice = text + "  - {id: US-1, title: B, citation: Section 2, verify: false}\n"
    with pytest.raises(BadInput, match='line 6, column 10: The control "US-1" stands here a second time'):
        read_controls(twice.encode(), name="c.yaml")
