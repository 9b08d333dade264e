"""What the trail tells of a review, its findings, waivers and report: in order, nothing left out."""

from __future__ import annotations

import pytest

from apps.approvals import commands as approvals
from apps.audit.models import Event
from apps.deploys.commands import admit
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


@pytest.fixture
def told():
    """The actions since the test began, those of hiring people left out."""
    before = set(Event.objects.values_list("pk", flat=True))
    hiring = ("person.created", "role.granted", "blob.stored", "contribution.noted")

    def actions() -> list[str]:
        rows = Event.objects.exclude(pk__in=before).exclude(action__in=hiring)
        return list(rows.order_by("occurred_at", "pk").values_list("action", flat=True))

    return actions


SIGNED_TWICE = ["approval.opened", "signoff.given", "signoff.given", "approval.consolidating"]


def test_a_grant_and_its_end(told) -> None:
    approval = bank.granted()
    approvals.revoke(by=factories.risk_officer(), approval=approval, reason="It drifts.")
    assert told() == [*SIGNED_TWICE, "approval.sealed", "approval.granted", "approval.revoked"]


def test_a_rejection(told) -> None:
    approval = bank.submitted()
    bank.signed(approval, factories.validator(), "reject")
    bank.signed(approval, factories.risk_officer())
    assert told() == [*SIGNED_TWICE, "approval.rejected"]


def test_a_return_opened_again_and_withdrawn(told) -> None:
    approval = bank.submitted()
    bank.signed(approval, factories.validator(), "return")
    bank.signed(approval, factories.risk_officer())
    approval.refresh_from_db()
    by = factories.developer()
    approval = approvals.reopen(by=by, approval=approval, reason="Mended.")
    approvals.withdraw(by=by, approval=approval, reason="A mistake.")
    assert told() == [*SIGNED_TWICE, "approval.returned", "approval.reopened", "approval.withdrawn"]


def test_a_finding_from_end_to_end(told) -> None:
    finding = bank.finding(bank.version())
    for plan in ("A first try.", "A better one."):
        finding = approvals.remediate_finding(by=factories.developer(), finding=finding, plan=plan)
        if plan.startswith("A first"):
            finding = approvals.reopen_finding(
                by=factories.validator(), finding=finding, reason="Not enough."
            )
    approvals.close_finding(by=factories.validator(), finding=finding, closure="The new run passes.")
    assert told() == [
        "finding.opened",
        "finding.remediated",
        "finding.reopened",
        "finding.remediated",
        "finding.closure_sealed",
        "finding.closed",
    ]


def test_waivers_asked_for_granted_and_refused(told) -> None:
    head, now = factories.head(), bank.timezone.now()
    approvals.grant_waiver(by=head, request=bank.waiver_request(), reauthenticated_at=now)
    approvals.refuse_waiver(by=head, request=bank.waiver_request(), reason="Once is enough.")
    assert [a for a in told() if a.startswith("waiver")] == [
        "waiver.requested",
        "waiver.granted",
        "waiver.requested",
        "waiver.refused",
    ]


def test_comments_attestations_reports_and_answers(told) -> None:
    approval = bank.granted()
    approvals.comment(by=factories.validator(), approval=approval, text="Why segment seven?")
    approvals.attest(by=factories.owner(), model=approval.version.model)
    bank.reported(approval, signers=(factories.validator(),))
    admit(by=factories.service(), model="credit-pd", version="1", environment="production")
    assert told()[6:] == [
        "comment.added",
        "attestation.made",
        "report.made",
        "report.signing_agreed",
        "report.signed",
        "document.given",
        "admission.answered",
    ]
    assert Event.objects.filter(action="environment.declared").count() == 1
