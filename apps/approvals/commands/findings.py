"""Findings: opened, remediated, closed by somebody else where they are grave."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean
from apps.approvals import guards, queries
from apps.approvals.models import Finding
from apps.approvals.states import FindingState
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.inventory.guards import owner as accountable
from apps.inventory.models import ModelVersion, RegisteredModel


@transaction.atomic
def open_finding(
    *,
    by: Person,
    model: RegisteredModel,
    title: str,
    severity: str,
    due: date,
    detail: str = "",
    version: ModelVersion | None = None,
    gate: str = "",
    owner: Person | None = None,
) -> Finding:
    """Write down a weakness; a critical one blocks every deployment until it is closed."""
    require(by, Permission.FINDING_OPEN, model)
    guards.version_of(model, version)
    guards.due_in_future(due)
    finding = Finding.objects.create(
        model=model,
        version=version,
        gate=clean(gate, field="gate", longest=200),
        title=guards.said(title, "title", longest=300),
        detail=clean(detail, field="detail", lines=True),
        severity=guards.severity_of(severity),
        owner=accountable(owner) if owner else model.owner,
        due=due,
        opened_by=by,
    )
    audit.record(by=by, action=EventName.FINDING_OPENED, subject=finding, after=seen(finding))
    return finding


def seen(finding: Finding) -> dict[str, str]:
    """A finding as its event tells it."""
    return {
        "model": finding.model.key,
        "version": finding.version.digest if finding.version else "",
        "severity": finding.severity,
        "due": finding.due.isoformat(),
        "gate": finding.gate,
        "decision": finding.decision.statement_digest if finding.decision else "",
    }


@transaction.atomic
def remediate_finding(*, by: Person, finding: Finding, plan: str) -> Finding:
    """Say what was done; a validator then closes or reopens it."""
    require(by, Permission.FINDING_REMEDIATE, finding.model)
    said = guards.said(plan, "plan")
    return audit.move(
        _hold(finding),
        FindingState.REMEDIATED,
        by=by,
        event=EventName.FINDING_REMEDIATED,
        plan=said,
        remediated_by=by,
        remediated_at=timezone.now(),
    )


@transaction.atomic
def close_finding(*, by: Person, finding: Finding, closure: str) -> Finding:
    """Close a remediated finding on evidence; a high or critical one by a second person."""
    require(by, Permission.FINDING_CLOSE, finding.model)
    held = _hold(finding)
    guards.closable(by, held)
    said = guards.said(closure, "evidence_of_closure")
    audit.seal(
        by=by,
        predicate_type=queries.CLOSURE,
        subjects=[queries.closing_of(held)],
        predicate={
            "finding": str(held.pk),
            "model": held.model.key,
            "severity": held.severity,
            "remediatedBy": str(held.remediated_by_id or ""),
            "closedBy": str(by.pk),
            "closure": said,
        },
        event=EventName.CLOSURE_SEALED,
        about=held,
    )
    return audit.move(
        held,
        FindingState.CLOSED,
        by=by,
        event=EventName.FINDING_CLOSED,
        closure=said,
        closed_by=by,
        closed_at=timezone.now(),
    )


@transaction.atomic
def reopen_finding(*, by: Person, finding: Finding, reason: str) -> Finding:
    """Send a remediated finding back: what was done is not enough."""
    require(by, Permission.FINDING_CLOSE, finding.model)
    said = guards.said(reason, "reason")
    return audit.move(_hold(finding), FindingState.OPEN, by=by, event=EventName.FINDING_REOPENED, reason=said)


def _hold(finding: Finding) -> Finding:
    """The row as it is now, locked, whatever the caller remembered."""
    rows = Finding.objects.select_for_update(of=("self",))
    return rows.select_related("model", "version", "remediated_by").get(pk=finding.pk)
