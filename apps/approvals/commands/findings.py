"""Findings: opened, remediated, closed by somebody else where they are grave."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals import guards
from apps.approvals.models import Finding
from apps.approvals.states import FindingState, Severity
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.audit.states import system
from apps.gates.models import Decision
from apps.inventory.models import ModelVersion, RegisteredModel

MONITORING_DUE = timedelta(days=30)


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
    guards.due_in_future(due)
    if severity not in list(Severity):
        raise Invalid(f"“{severity}” is no severity; choose {', '.join(Severity)}.", field="severity")
    finding = Finding.objects.create(
        model=model,
        version=version,
        gate=gate,
        title=guards.said(title, "title"),
        detail=detail.strip(),
        severity=severity,
        owner=owner or model.owner,
        due=due,
        opened_by=by,
    )
    audit.record(by=by, action=EventName.FINDING_OPENED, subject=finding, after=_seen(finding))
    return finding


def _seen(finding: Finding) -> dict[str, str]:
    return {
        "model": finding.model.key,
        "severity": finding.severity,
        "due": finding.due.isoformat(),
        "gate": finding.gate,
    }


@transaction.atomic
def open_monitoring_finding(*, decision: Decision) -> Finding | None:
    """Open a finding for a monitoring decision that did not pass, once for each decision."""
    title = f"Monitoring of {decision.version} on {decision.decided_at:%Y-%m-%d}: {decision.outcome}"
    model = decision.version.model
    if decision.outcome == "pass" or Finding.objects.filter(model=model, title=title).exists():
        return None
    failing = [g for g in decision.document["gates"] if g["outcome"] not in guards.PASSING]
    finding = Finding.objects.create(
        model=model,
        version=decision.version,
        gate=failing[0]["id"] if failing else "",
        title=title,
        detail="\n".join(g["why"] for g in failing),
        severity=Severity.HIGH,
        owner=model.owner,
        due=(timezone.now() + MONITORING_DUE).date(),
    )
    audit.record(by=system("monitor"), action=EventName.FINDING_OPENED, subject=finding, after=_seen(finding))
    return finding


@transaction.atomic
def remediate_finding(*, by: Person, finding: Finding, plan: str) -> Finding:
    """Say what was done; a validator then closes or reopens it."""
    require(by, Permission.FINDING_REMEDIATE, finding.model)
    said = guards.said(plan, "plan")
    return audit.move(
        finding,
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
    guards.closable(by, finding)
    said = guards.said(closure, "evidence_of_closure")
    return audit.move(
        finding,
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
    return audit.move(finding, FindingState.OPEN, by=by, event=EventName.FINDING_REOPENED, reason=said)
