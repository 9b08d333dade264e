"""Law 5: every gate of a shipped policy has its cases; no released policy has changed; every check is used.

`policies/released.txt` holds a line for each released version. A new version gets a new line; a line of
a version that is still here must say its digest.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml

from apps.engine.catalogue import all_checks
from apps.engine.policy import Library, Policy
from apps.engine.policy.read import read_policy
from apps.engine.policy.regulation import frameworks, shipped_controls
from apps.engine.trial.cases import read_cases, uncovered
from apps.gates.policy_files import PolicyFiles, policy_folders
from tests.laws.source import PROJECT

POLICIES = PROJECT / "policies"
FOLDERS = policy_folders(POLICIES)
WAYS = ("passes", "boundary", "fails", "cannot_be_measured")


@cache
def shipped() -> dict[str, Policy]:
    texts: dict[str, bytes] = {}
    found: dict[str, Policy] = {}
    for files in FOLDERS:
        policy = read_policy(files.data, name=files.name, library=Library(texts))
        texts[f"{policy.id}@{policy.version}"] = files.data
        found[policy.id] = policy
    return found


@pytest.mark.parametrize("files", FOLDERS, ids=lambda files: files.id)
def test_every_gate_is_covered_by_its_cases(files: PolicyFiles) -> None:
    policy = shipped()[files.id]
    cases = [c for name, data in files.cases.items() for c in read_cases(data, name=name, policy=policy)]
    assert cases
    assert uncovered(policy, cases) == []
    assert [fault for case in cases for fault in case.faults(policy)] == []


@pytest.mark.parametrize("files", FOLDERS, ids=lambda files: files.id)
def test_each_own_gate_passes_fails_sits_on_its_boundary_and_cannot_be_measured(files: PolicyFiles) -> None:
    told = [yaml.safe_load(data) for data in files.cases.values()]
    written = {gate: lines for document in told for gate, lines in (document.get("gates") or {}).items()}
    for gate in yaml.safe_load(files.data).get("gates") or ():
        lines = written.get(gate["id"], {})
        assert [way for way in WAYS if lines.get(way) in (None, [])] == [], gate["id"]


def test_no_released_policy_has_changed() -> None:
    lines = (Path(POLICIES) / "released.txt").read_text().split("\n")
    released = dict(line.split() for line in lines if line and not line.startswith("#"))
    now = {f"{p.id}@{p.version}": p.digest for p in shipped().values()}
    changed = {name for name in now if name in released and released[name] != now[name]}
    assert changed == set(), "a released policy never changes: give it a new version"
    missing = {f"{name} {digest}" for name, digest in now.items() if name not in released}
    assert missing == set(), "add these lines to policies/released.txt"


def test_every_check_of_the_catalogue_stands_in_a_shipped_policy() -> None:
    asked = {gate.check for policy in shipped().values() for gate in policy.gates}
    assert set(all_checks()) - asked == set()


def test_the_validation_suites_advise_and_meddle_with_no_other_policy() -> None:
    suites = {name for name in shipped() if name.startswith("validation-")}
    inside = [gate for name in suites for gate in shipped()[name].gates]
    others = {gate.id for name, policy in shipped().items() if name not in suites for gate in policy.gates}
    assert {gate.enforcement for gate in inside} == {"advisory"}
    assert {gate.source for gate in inside} == {"firm"}
    assert len({gate.id for gate in inside}) == len(inside)
    assert {gate.id for gate in inside} & others == set()


# Regulation packs ----------------------------------------------------------------------------------

REGULATIONS = sorted(frameworks())


@pytest.mark.parametrize("name", REGULATIONS)
def test_a_regulation_pack_binds_whom_its_scope_names_from_the_day_of_its_text(name: str) -> None:
    policy, (text, _) = shipped()[name], frameworks()[name]
    assert dict(policy.applies_to.match) == {"model.regimes": [name]}
    assert not policy.applies_to.unless
    assert text.start is None or policy.effective.start == text.start
    assert policy.effective.until == text.until


@pytest.mark.parametrize("name", REGULATIONS)
def test_each_gate_and_document_of_a_regulation_pack_serves_a_control_of_its_own_text(name: str) -> None:
    policy = shipped()[name]
    own = [gate for gate in policy.gates if policy.id in gate.policies and not _inherited(gate.id)]
    for item in (*own, *policy.evidence):
        assert item.controls, item.id
        assert {control.partition("/")[0] for control in item.controls} == {name}, item.id


def _inherited(gate: str) -> bool:
    return gate in {one.id for one in shipped()["baseline-all"].gates}


def test_no_gate_says_that_a_law_or_guidance_sets_a_number_that_it_does_not_set() -> None:
    known = shipped_controls()
    for policy in shipped().values():
        for gate in policy.gates:
            set_by = {known[control].threshold for control in gate.controls}
            assert gate.source == "firm" or gate.source in set_by, f"{policy.id}: {gate.id}"
