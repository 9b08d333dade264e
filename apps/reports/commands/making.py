"""Making a report: drawn from statements outside any transaction, kept and sealed in one."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals.models import Approval
from apps.approvals.queries import find_approval, open_findings, valid_waivers
from apps.approvals.states import ApprovalState
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.queries import read_statement
from apps.audit.states import Acting, Ref
from apps.inventory.commands import keep_made
from apps.inventory.queries import current_tier
from apps.reports import drawing, pades, queries
from apps.reports.models import Report, ReportChart
from apps.reports.states import ReportKind

REPORT = "https://countersign.dev/report/v1"
TASK = "apps.reports.tasks.make"
log = logging.getLogger(__name__)


def request_report(*, by: Person, approval: Approval) -> None:
    """Ask a worker for the report of a review; asking twice makes one report."""
    require(by, Permission.MODEL_SEE, approval.version.model)
    if queries.report_of(approval) is None:
        send(find_approval(by, approval.pk).pk)


def send(approval_id: UUID) -> bool:
    """Tell the workers; a message that is lost is sent again by the sweep."""
    try:
        current_app.send_task(TASK, args=[str(approval_id)], queue="heavy", retry=False, ignore_result=True)
    except Exception as error:  # every broker has its own; the sweep is the guarantee
        log.warning("the report of approval %s waits for the sweep (%s)", approval_id, error)
        return False
    return True


def make_missing(*, by: Acting) -> int:
    """Send word of every review under way whose report is not there; how many there are."""
    waiting = Approval.objects.filter(state__in=[ApprovalState.OPEN, ApprovalState.CONSOLIDATING])
    missing = [a for a in waiting.select_related("decision") if queries.report_of(a) is None]
    return sum(send(approval.pk) for approval in missing)


def make_report(*, by: Acting, approval: Approval) -> Report:
    """The validation report of what an approval was asked on; made once for each decision."""
    found = queries.report_of(approval)
    if found is not None:
        return found
    made_at = timezone.now()
    facts = facts_of(approval)
    evidence = _verified(approval)
    drawn = drawing.draw(facts, evidence=evidence, made_at=made_at)
    pdf = pades.with_fields(drawn.pdf, queries.seats(approval))
    return _keep(by, approval, pdf, drawn, made_at)


def _verified(approval: Approval) -> dict[str, Any]:
    """Every statement that the report is drawn from, each read only after its signature held."""
    digests = [approval.decision.statement_digest, *queries.evidence_digests(approval).values()]
    return {"kind": "Evidence", "statements": {d: read_statement(d) for d in sorted(digests)}}


def facts_of(approval: Approval) -> dict[str, Any]:
    """What the template prints; the decision and its measurements as sealed."""
    version, model = approval.version, approval.version.model
    return {
        "decision": approval.decision.document,
        "decision_digest": approval.decision.statement_digest,
        "evidence": queries.evidence_digests(approval),
        "use": approval.use.key,
        "tier": current_tier(model),
        "seed": approval.decision.run.seed,
        "model": {
            "key": model.key,
            "title": model.title,
            "purpose": model.purpose,
            "owner": str(model.owner),
        },
        "version": {
            "name": str(version),
            "label": version.label,
            "digest": version.digest,
            "format": version.artifact_format,
            "artifact": version.artifact_id or "",
        },
        "datasets": [{"name": d.name, "rows": d.rows, "digest": d.digest} for d in version.datasets.all()],
        "findings": list(open_findings(model)),
        "waivers": list(valid_waivers(version, approval.use)),
    }


@transaction.atomic
def _keep(by: Acting, approval: Approval, pdf: bytes, drawn: drawing.Drawn, made_at: datetime) -> Report:
    held = Approval.objects.select_for_update(of=("self",)).get(pk=approval.pk)
    found = queries.report_of(held)
    if found is not None:
        return found
    blob = keep_made(by=by, data=pdf, media="application/pdf")
    statement = audit.seal(
        by=by,
        predicate_type=REPORT,
        subjects=[Ref(type="report", id=str(held.pk), name=f"report of {held.version}", digest=blob.digest)],
        predicate={
            "kind": ReportKind.VALIDATION,
            "approval": str(held.pk),
            "version": held.version.digest,
            "decision": held.decision.statement_digest,
            "evidence": sorted(queries.evidence_digests(held).values()),
            "madeAt": made_at.isoformat(),
        },
        event=EventName.REPORT_MADE,
    )
    report = Report.objects.create(
        kind=ReportKind.VALIDATION,
        version=held.version,
        approval=held,
        decision=held.decision,
        blob=blob,
        made_by=by if isinstance(by, Person) else None,
        made_at=made_at,
        statement_digest=statement.digest,
    )
    ReportChart.objects.bulk_create(
        ReportChart(report=report, gate=gate, title=title, svg=svg)
        for gate, (title, svg) in drawn.charts.items()
    )
    return report
