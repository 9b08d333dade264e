"""Waivers: asked for by one person, granted by another, for one gate and a time."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals import guards
from apps.approvals.models import Finding, Waiver, WaiverRequest
from apps.approvals.rules import rules_of
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.gates.models import Decision

WAIVER = "https://countersign.dev/waiver/v1"


@transaction.atomic
def request_waiver(
    *,
    by: Person,
    decision: Decision,
    gate: str,
    finding: Finding,
    rationale: str,
    compensating_control: str,
    remediation_due: date,
    valid_to: datetime,
) -> WaiverRequest:
    """Ask that one failed waivable gate be covered for a time."""
    require(by, Permission.WAIVER_REQUEST, decision.version.model)
    guards.waivable(decision, gate)
    guards.covers(finding, decision)
    guards.due_in_future(remediation_due, "remediation_due")
    _within_rules(decision, gate, valid_to)
    request = WaiverRequest.objects.create(
        version=decision.version,
        use=decision.use,
        gate=gate,
        decision=decision,
        finding=finding,
        rationale=guards.said(rationale, "rationale"),
        compensating_control=guards.said(compensating_control, "compensating_control"),
        remediation_due=remediation_due,
        valid_to=valid_to,
        requested_by=by,
    )
    after = {"gate": gate, "validTo": valid_to.isoformat(), "decision": decision.statement_digest}
    audit.record(by=by, action=EventName.WAIVER_REQUESTED, subject=request, after=after)
    return request


def _within_rules(decision: Decision, gate: str, valid_to: datetime) -> int:
    rules = rules_of(decision)
    earlier = Waiver.objects.filter(version=decision.version, use=decision.use, gate=gate).count()
    guards.waiver_within(rules, lasts=valid_to - timezone.now(), renewal=earlier)
    return earlier


def _hold(request: WaiverRequest) -> WaiverRequest:
    rows = WaiverRequest.objects.select_for_update(of=("self",))
    return rows.select_related("version__model__owner", "use", "decision", "requested_by").get(pk=request.pk)


@transaction.atomic
def grant_waiver(*, by: Person, request: WaiverRequest, reauthenticated_at: datetime | None) -> Waiver:
    """Grant it; the gate still runs, and its real result stays beside the waiver."""
    held = _hold(request)
    guards.grantable(by, held)
    guards.reauthenticated(reauthenticated_at)
    renewal = _within_rules(held.decision, held.gate, held.valid_to)
    now = timezone.now()
    statement = audit.seal(
        by=by,
        predicate_type=WAIVER,
        subjects=[held.version.audit_ref()],
        predicate={
            "use": held.use.key,
            "gate": held.gate,
            "decision": held.decision.statement_digest,
            "finding": str(held.finding_id),
            "rationale": held.rationale,
            "compensatingControl": held.compensating_control,
            "remediationDue": held.remediation_due.isoformat(),
            "requestedBy": str(held.requested_by_id),
            "grantedBy": str(by.pk),
            "validFrom": now,
            "validTo": held.valid_to,
            "renewal": renewal,
        },
        event=EventName.WAIVER_GRANTED,
    )
    waiver = Waiver.objects.create(
        version=held.version,
        use=held.use,
        gate=held.gate,
        decision=held.decision,
        finding=held.finding,
        rationale=held.rationale,
        compensating_control=held.compensating_control,
        remediation_due=held.remediation_due,
        requested_by=held.requested_by,
        granted_by=by,
        valid_from=now,
        valid_to=held.valid_to,
        renewal=renewal,
        statement_digest=statement.digest,
    )
    WaiverRequest.objects.filter(pk=held.pk).update(waiver=waiver)
    return waiver


@transaction.atomic
def refuse_waiver(*, by: Person, request: WaiverRequest, reason: str) -> WaiverRequest:
    """Say no, and why."""
    held = _hold(request)
    guards.grantable(by, held)
    held.refused_reason = guards.said(reason, "reason")
    held.refused_by, held.refused_at = by, timezone.now()
    held.save(update_fields=["refused_reason", "refused_by", "refused_at"])
    audit.record(by=by, action=EventName.WAIVER_REFUSED, subject=held, reason=held.refused_reason)
    return held
