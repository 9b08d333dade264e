"""A step that names a role of the installation's own: who signs it, who does not, whether anybody could."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.access.commands import define_role, delegate_reviews, retire_role
from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.approvals.models import Approval
from apps.approvals.queries import might_sign
from apps.audit.errors import Forbidden, Refused
from apps.engine.errors import Problem
from apps.engine.policy import read_policy
from apps.gates import guards
from apps.gates.quorum import Signers, short_of
from apps.gates.seats import signers_of, unknown_roles
from tests import factories
from tests.flows import bank
from tests.gates import rows
from tests.standing import Standing

POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {{id: council, version: 1.0.0, title: A council, owner: model-risk-policy}}
effective: {{from: 2026-01-01, until: null}}
gates:
  - {{id: council.auc, check: performance.auc, pass: {{min: 0.01}}}}
approvals:
  steps:
    - {{id: council, role: {role}, quorum: 2, after: []}}
"""
COUNCIL = "own/credit-council"


def council(*permissions: str) -> None:
    given: dict[str, Any] = {"title": "Credit council", "sentence": "Sits on Mondays.", "reason": "asked"}
    wanted = permissions or ("model.see", "evidence.see", "approval.committee")
    define_role(by=factories.administrator(), key="credit-council", permissions=wanted, **given)


def member(name: str = "cleo") -> Person:
    return factories.person(name, "credit-council")


@pytest.fixture
def submitted(world: Standing) -> Approval:
    """A review whose policy asks a role of the installation's own."""
    council()
    member(), member("cato")
    approvals.withdraw(by=world.waiting.submitter, approval=world.waiting, reason="again")
    author, second = (rows.person(name, "model-risk-policy") for name in ("pol-a", "pol-b"))
    rows.release(author, second, POLICY.format(role=COUNCIL).encode())
    bank.measured(world.waiting.version)
    return bank.resubmitted(world.waiting.version, by=factories.developer())


def test_its_holders_sign_the_step_and_the_committee_does_not(world: Standing, submitted: Approval) -> None:
    assert [step["role"] for step in submitted.steps if step["id"] == "council"] == [COUNCIL]
    assert submitted in might_sign(member())
    with pytest.raises(Forbidden, match="own/credit-council"):
        bank.signed(submitted, world.people["committee"])
    for name in ("cleo", "cato"):
        signed = bank.signed(submitted, member(name))
        assert (signed.step, signed.role) == ("council", COUNCIL)
    bank.signed(submitted, world.people["validator"])
    bank.signed(submitted, world.people["risk-officer"])
    submitted.refresh_from_db()
    assert submitted.state == "granted"


def test_a_retired_role_signs_nothing_and_one_pair_of_eyes_stays_one(submitted: Approval) -> None:
    second = member("cato")
    until = timezone.now() + timedelta(days=3)
    delegate_reviews(by=member(), to=second, permission="approval.committee", valid_to=until, reason="away")
    bank.signed(submitted, second)
    with pytest.raises(Refused, match="who acts for you, has signed"):
        bank.signed(submitted, member())
    retire_role(by=factories.administrator(), key="credit-council", reason="dissolved")
    assert signers_of([COUNCIL], submitted.version.model) == []


def test_a_policy_names_only_roles_that_are_there_and_that_somebody_holds(world: Standing) -> None:
    policy = read_policy(POLICY.format(role=COUNCIL).encode(), name="council.yaml")
    assert unknown_roles([COUNCIL, "validator"]) == [COUNCIL]
    with pytest.raises(Refused, match="no role of that name"):
        guards.known_signers(policy)
    council()
    guards.known_signers(policy)
    found = short_of(policy.approvals.steps, Signers(timezone.now()), model=None, apart=())
    assert found.startswith(f"The step council wants 2 of the role {COUNCIL}; ")
    member(), member("cato")
    assert short_of(policy.approvals.steps, Signers(timezone.now()), model=None, apart=()) == ""


def test_a_role_that_reviews_nothing_and_a_misspelt_one_are_refused(world: Standing) -> None:
    council("model.see", "evidence.see")
    assert unknown_roles([COUNCIL]) == [COUNCIL]
    with pytest.raises(Problem, match=r'does not know "comittee". Did you mean "committee"'):
        read_policy(POLICY.format(role="comittee").encode(), name="council.yaml")
