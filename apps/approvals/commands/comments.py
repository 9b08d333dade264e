"""Questions and answers on an approval or on one piece of its evidence."""

from __future__ import annotations

from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals import guards
from apps.approvals.models import Approval, Comment
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName


@transaction.atomic
def comment(*, by: Person, approval: Approval, text: str, gate: str = "") -> Comment:
    """Add a comment; one on a gate is bound to the evidence of that gate by digest."""
    require(by, Permission.COMMENT_ADD, approval.version.model)
    said = Comment.objects.create(
        approval=approval,
        gate=gate,
        evidence_digest=_evidence(approval, gate),
        person=by,
        text=guards.said(text, "comment"),
    )
    after = {"approval": str(approval.pk), "gate": gate, "evidence": said.evidence_digest}
    audit.record(by=by, action=EventName.COMMENT_ADDED, subject=said, after=after)
    return said


def _evidence(approval: Approval, gate: str) -> str:
    if not gate:
        return ""
    row = approval.decision.run.evidence.filter(gate=gate).first()
    if row is None:
        raise Invalid(f"The decision has no evidence for the gate {gate}.", field="gate")
    return row.statement_digest
