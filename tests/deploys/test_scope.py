"""The deploy gate when a tier or the scope of a regime changes, rightly or by a forged row."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from apps.deploys.commands import admit
from apps.deploys.models import Admission
from apps.gates import commands as gates
from apps.inventory import commands as inventory
from apps.inventory.models import ModelVersion, RegimeDecision, Tiering
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")
FORGED = "sha256:" + "0" * 64
POLICY = b"""apiVersion: governance/v1
kind: Policy
metadata: {id: american, version: 1.0.0, title: American guidance, owner: model-risk-policy}
effective: {from: 2026-01-01}
applies_to: {match: {model.regimes: [us-sr26-2]}}
gates:
  - {id: auc, check: performance.auc, pass: {min: 0.30}}
"""
CASES = b"""apiVersion: governance/v1
kind: Cases
policy: american
now: 2026-11-21T12:00:00Z
subject: {model.regimes: [us-sr26-2]}
gates:
  auc: {enforcement: mandatory, passes: [0.8], boundary: 0.30, fails: [0.29], cannot_be_measured: [missing]}
cases:
  - name: another regime
    given: {subject: {model.regimes: [uk-ss1-23]}}
    expect: {applies: false}
"""


def american() -> None:
    author, second = (factories.person(n, "model-risk-policy") for n in ("policy-author", "policy-second"))
    gates.release_policy(by=second, proposed_by=author, data=POLICY, cases={"cases.yaml": CASES})


def ask() -> Admission:
    return admit(by=factories.service(), model="credit-pd", version="1", environment="production")


def said(answer: Admission) -> str:
    return " ".join(reason["message"] for reason in answer.reasons)


def predicate(answer: Admission) -> dict[str, Any]:
    """What the answer's statement says."""
    payload = json.loads(bytes(answer.answer))["statement"]["payload"]
    found: dict[str, Any] = json.loads(base64.b64decode(payload))["predicate"]
    return found


def policies(answer: Admission) -> set[str]:
    return {policy["uri"] for policy in predicate(answer)["countersign"]["policies"]}


def pinned(made: ModelVersion) -> list[str]:
    """The policies under which a run that is asked for now would decide."""
    run = gates.request_run(by=factories.developer(), version=made, use=bank.use_of(made))
    return [policy["id"] for policy in run.pinned["policies"]]


def out_of_scope(made: ModelVersion) -> RegimeDecision:
    return inventory.decide_regime(
        by=factories.head(), model=made.model, regime="us-sr26-2", applies=False, rationale="It writes text."
    )


def test_a_graver_tier_voids_the_grant_until_it_is_decided_anew() -> None:
    granted = bank.granted()
    assert ask().allowed
    inventory.assign_tier(by=factories.head(), model=granted.version.model, tier=1, rationale="It grew.")
    answer = ask()
    assert answer.outcome == "deny"
    assert "The decision was not made under credit-tier1" in said(answer)


def test_a_milder_tier_takes_nothing_away_from_what_was_decided() -> None:
    granted = bank.granted()
    before = policies(ask())
    inventory.assign_tier(by=factories.head(), model=granted.version.model, tier=3, rationale="It shrank.")
    after = ask()
    assert after.allowed
    assert before <= policies(after)


def test_an_undecided_regime_applies() -> None:
    bank.granted()
    american()
    assert "The decision was not made under american@1.0.0" in said(ask())


def test_a_regime_out_of_scope_is_not_asked_of() -> None:
    granted = bank.granted()
    out_of_scope(granted.version)
    american()
    # The decision was made while the regime applied: what it was decided on goes on being asked.
    assert "american" in said(ask())
    assert "american" not in pinned(granted.version)


def test_a_new_decision_out_of_scope_is_allowed_and_rests_on_the_sealed_scope() -> None:
    made = bank.version()
    sealed = out_of_scope(made).statement_digest
    bank.measured(made)
    granted = bank.granted(bank.submitted(made))
    american()
    assert sealed in granted.decision.run.pinned["rests_on"]
    answer = ask()
    assert answer.allowed
    inputs = predicate(answer)["inputAttestations"]
    assert sealed.removeprefix("sha256:") in {one["digest"]["sha256"] for one in inputs}


def test_a_forged_scope_narrows_neither_a_run_nor_the_gate() -> None:
    made = bank.version()
    RegimeDecision.objects.create(
        model=made.model,
        regime="us-sr26-2",
        applies=False,
        rationale="forged",
        decided_by=factories.head(),
        statement_digest=FORGED,
    )
    bank.measured(made)
    bank.granted(bank.submitted(made))
    american()
    assert "The decision was not made under american@1.0.0" in said(ask())
    assert "american" in pinned(made)


def test_a_scope_brought_back_is_asked_of_again() -> None:
    made = bank.version()
    out_of_scope(made)
    bank.measured(made)
    bank.granted(bank.submitted(made))
    american()
    assert ask().allowed
    inventory.decide_regime(
        by=factories.head(), model=made.model, regime="us-sr26-2", applies=True, rationale="It scores."
    )
    assert "The decision was not made under american@1.0.0" in said(ask())


def test_a_forged_tier_lets_every_policy_of_every_tier_apply() -> None:
    made = bank.version()
    Tiering.objects.create(
        model=made.model, tier=4, rationale="x", assigned_by=factories.head(), statement_digest=FORGED
    )
    bank.policies()
    assert {"credit-tier1", "general-tier2"} <= set(pinned(made))
