from __future__ import annotations

from datetime import UTC, datetime

from apps.engine.coverage import coverage
from apps.engine.decide import Decision, SubjectFacts, decide
from apps.engine.policy import Library, Policy, read_policy
from apps.engine.policy.regulation import Control, frameworks

NOW = datetime(2026, 11, 21, tzinfo=UTC)
CONTROL = Control(id="A1", framework="law", title="Tested", citation="§1", verify=False)
OTHER = Control(id="A2", framework="law", title="Written", citation="§2", verify=True)
TEXT = b"""apiVersion: governance/v1
kind: Policy
metadata: {id: p, version: 1.0.0, title: P}
effective: {from: 2026-01-01}
gates:
  - {id: auc, title: The AUC, check: performance.auc, pass: {min: 0.7}, controls: [law/A1]}
  - {id: ks, title: The KS, check: performance.ks, pass: {min: 0.2}, controls: [law/A1]}
evidence:
  - {id: report, title: The report, required: true, controls: [law/A2]}
"""


def policy() -> Policy:
    return read_policy(TEXT, name="p.yaml", library=Library({}))


def decision() -> Decision:
    return decide(policies=[policy()], measurements={}, now=NOW, subject=SubjectFacts())


def test_gates_and_documents_that_serve_a_control_are_named():
    tested, written = coverage([CONTROL, OTHER], [policy()], {})
    assert [(s.kind, s.id) for s in tested.served] == [("gate", "auc"), ("gate", "ks")]
    assert [(s.kind, s.id) for s in written.served] == [("document", "report")]
    assert (tested.measured, written.measured) == (True, False)


def test_a_model_without_results_is_not_covered_and_a_document_covers_nobody():
    tested, written = coverage([CONTROL, OTHER], [policy()], {"credit-pd": decision()})
    assert (tested.covered, tested.partly, tested.uncovered) == ((), (), ("credit-pd",))
    assert (written.covered, written.partly, written.uncovered) == ((), (), ())


def test_every_shipped_framework_is_read_with_its_dates():
    found = frameworks()
    assert len(found) == 13
    framework, controls = found["us-sr26-2"]
    assert (framework.status, framework.start.isoformat()) == ("live", "2026-04-17")
    assert {control.framework for control in controls} == {"us-sr26-2"}
