"""A policy that withholds small groups: nothing sealed, shown or given out has their numbers."""

from __future__ import annotations

import pytest

from apps.gates.states import RunState
from apps.web.gates import gate_lines
from tests.gates import test_execution as execution

child, dora, version = execution.child, execution.dora, execution.version

POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: credit-few, version: 1.0.0, title: A credit policy, owner: model-risk-policy}
effective: {from: 2026-01-01, until: null}
applies_to:
  match: {model.domain: [credit]}
disclosure: {min_rows: 500}
gates:
  - id: fairness.rates
    check: fairness.selection_rate_ratio
    pass: {min: 0.01}
    with: {min_group_size: 1}
"""


@pytest.fixture
def run(dora, version):
    execution.release(POLICY)
    return execution.execute(execution.request(dora, version))


def test_the_sealed_evidence_has_no_number_of_a_small_group(run):
    assert run.state == RunState.DECIDED
    evidence = run.evidence.get()
    small = [g for g in evidence.measurement["groups"] if g["attribute"]]
    assert small
    assert {g["status"] for g in small} == {"suppressed"}
    assert all(g["n"] is None and g["value"] is None for g in small)
    sealed = execution.payload(evidence.statement_digest)["predicate"]["measurement"]
    assert sealed["groups"] == evidence.measurement["groups"]


def test_the_page_says_why_there_is_no_number(run):
    (line,) = gate_lines(run.decision.document)
    notes = {g["note"] for g in line.groups if g["attribute"]}
    assert notes == {"suppressed (n < 500)"}
