"""From a registered version to a signed yes or no, command by command."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.approvals.states import ApprovalState
from apps.audit.errors import Forbidden, Refused
from apps.audit.queries import keys
from apps.deploys.commands import admit
from apps.deploys.models import Admission
from apps.engine.verified import Question
from apps.engine.verify import examine
from apps.reports.verification import verify_report
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


def ask(by: Person | None = None, **changes: str) -> Admission:
    asked = {"model": "credit-pd", "version": "1", "environment": "production", **changes}
    return admit(by=by or factories.service(), **asked)


def codes(admission: Admission) -> set[str]:
    return {reason["code"] for reason in admission.reasons}


def test_a_granted_version_is_allowed_with_a_statement_that_verifies_offline() -> None:
    bank.granted()

    admission = ask()

    assert admission.outcome == "allow", admission.reasons
    envelope = json.dumps(json.loads(bytes(admission.answer))["statement"]).encode()
    asked = Question(at=datetime.now(UTC), keys=keys(), environment="production")
    assert examine(envelope, asked).allowed


def test_nothing_is_allowed_before_both_have_signed() -> None:
    approval = bank.submitted()
    assert ask().outcome == "pending"

    bank.signed(approval, factories.validator())
    assert ask().outcome == "pending"


def test_a_rejection_denies() -> None:
    approval = bank.submitted()
    bank.signed(approval, factories.validator(), "reject")
    bank.signed(approval, factories.risk_officer())

    approval.refresh_from_db()
    assert approval.state == ApprovalState.REJECTED
    assert not ask().allowed


def test_a_revoked_approval_denies_from_that_second_on() -> None:
    approval = bank.granted()
    approvals.revoke(by=factories.risk_officer(), approval=approval, reason="It drifts.")

    assert "approval_revoked" in codes(ask())


def test_another_digest_an_unknown_version_and_an_unknown_environment_are_denied() -> None:
    bank.granted()

    assert "other_digest" in codes(ask(digest="sha256:" + "0" * 64))
    assert "unknown_version" in codes(ask(version="99"))
    assert "unknown_environment" in codes(ask(environment="nowhere"))


def test_an_open_critical_finding_denies_until_it_is_closed() -> None:
    approval = bank.granted()
    model = approval.version.model
    by = factories.validator()
    finding = approvals.open_finding(
        by=by, model=model, title="Leak", severity="critical", due=date(2099, 1, 1)
    )
    assert "open_finding" in codes(ask())

    approvals.remediate_finding(by=factories.developer(), finding=finding, plan="Dropped the column.")
    approvals.close_finding(by=factories.validator(), finding=finding, closure="Looked at the new run.")
    assert ask().allowed


def test_limits_of_the_signers_are_enforced() -> None:
    bank.granted(population="existing customers")

    assert "limit_population" in codes(ask())
    assert ask(population="existing customers").outcome == "allow_with_limits"


def test_the_report_is_signed_by_both_and_holds() -> None:
    approval = bank.granted()
    report = bank.reported(approval, signers=(factories.validator(), factories.risk_officer()))

    verdict = verify_report(report)
    assert verdict.genuine, verdict.sentence
    assert verdict.sentence.startswith("2 signatures")


def test_builders_owners_and_submitters_cannot_sign() -> None:
    approval = bank.submitted()

    for person in (factories.developer(), factories.owner()):
        with pytest.raises(Forbidden):
            bank.signed(approval, person)


def test_a_signature_needs_a_fresh_password_and_what_is_shown() -> None:
    approval = bank.submitted()
    by, common = factories.validator(), {"meaning": "approve", "reason": "ok"}

    with pytest.raises(Refused, match="password"):
        approvals.sign_off(by=by, approval=approval, shown_digest="", reauthenticated_at=None, **common)
    with pytest.raises(Refused, match="out of date"):
        approvals.sign_off(
            by=by, approval=approval, shown_digest="x", reauthenticated_at=datetime.now(UTC), **common
        )
