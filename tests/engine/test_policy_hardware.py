"""What a policy says of hardware: read strictly, only tightened, told when it changes."""

from __future__ import annotations

import pytest

from apps.engine.policy import gates_for, read_policy
from apps.engine.policy.diff import diff
from apps.engine.policy.form import Fault
from apps.engine.policy.inherit import merged
from apps.engine.policy.lint import lint
from apps.engine.policy.model import Policy

TEXT = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: dear, version: 1.0.0, title: A policy, owner: model-risk-policy}
effective: {from: 2026-01-01, until: null}
gates:
  - {id: performance.floor, check: performance.auc, hardware: HARDWARE, pass: {min: 0.7}}
hardware: {approval: [APPROVAL]}
"""


def text(hardware: str = "gpu", approval: str = "gpu") -> bytes:
    return TEXT.replace("HARDWARE", hardware).replace("APPROVAL", approval).encode()


def policy(hardware: str = "gpu", approval: str = "gpu") -> Policy:
    return read_policy(text(hardware, approval), name="policy.yaml")


def test_a_gate_and_a_policy_name_classes() -> None:
    found = policy(approval="memory, gpu")
    assert (found.gates[0].hardware, found.dear) == ("gpu", ("memory", "gpu"))


def test_without_a_word_a_gate_asks_for_nothing_and_nothing_is_dear() -> None:
    bare = text().replace(b"hardware: gpu, ", b"").replace(b"hardware: {approval: [gpu]}\n", b"")
    found = read_policy(bare, name="policy.yaml")
    assert (found.gates[0].hardware, found.dear) == ("cpu", ())


@pytest.mark.parametrize(("hardware", "approval"), [("tpu", "gpu"), ("gpu", "gpus"), ("gpu", "1")])
def test_an_unknown_class_is_refused_with_its_line(hardware: str, approval: str) -> None:
    faults = lint(text(hardware, approval), name="policy.yaml")
    assert len(faults) == 1
    assert faults[0].startswith("policy.yaml, line ")


def test_the_most_demanding_of_two_policies_wins() -> None:
    two = [policy("cpu"), read_policy(text("memory").replace(b"id: dear", b"id: dearer"), name="b.yaml")]
    assert [gate.hardware for gate in gates_for(two)] == ["memory"]


def test_a_policy_that_extends_another_can_only_ask_for_more() -> None:
    parent = policy("memory", "gpu").document
    faults: list[Fault] = []
    more = merged(dict(policy("gpu", "memory, gpu").document), parent, faults)
    assert (faults, more["hardware"]) == ([], {"approval": ["memory", "gpu"]})
    merged(dict(policy("cpu", "memory").document), parent, faults)
    told = " ".join(fault.sentence for fault in faults)
    assert "hardware cpu is looser than memory" in told
    assert "approval leaves out gpu" in told


def test_a_change_is_told_with_what_it_does() -> None:
    told = [str(change) for change in diff(policy("cpu", "gpu"), policy("gpu", "memory, gpu"))]
    assert any("hardware" in line and line.endswith("(changed)") for line in told)
    assert any(line.startswith("hardware to approve") and line.endswith("(stricter)") for line in told)
    back = [str(change) for change in diff(policy("gpu", "memory, gpu"), policy("gpu", "gpu"))]
    assert back == ["hardware to approve: [memory, gpu] → [gpu] (looser)"]
