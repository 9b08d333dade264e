"""Making a report: drawn from statements outside any transaction, kept and sealed in one."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals.models import Approval
from apps.approvals.queries import open_findings, valid_waivers
from apps.audit import commands as audit
from apps.audit import timestamps
from apps.audit.events import EventName
from apps.audit.queries import keys, read_statement
from apps.audit.states import Acting, Ref
from apps.inventory.commands import keep_made
from apps.reports import drawing, guards, pades, queries
from apps.reports.kinds.log import challenge_log
from apps.reports.kinds.tried import runs_before
from apps.reports.models import Report, ReportChart
from apps.reports.states import ReportKind

REPORT = "https://countersign.dev/report/v1"
TASK = "apps.reports.tasks.make"
PATIENCE = timedelta(minutes=1)  # a message older than this is void; the sweep sends another
BATCH = 100
log = logging.getLogger(__name__)


def request_report(*, by: Person, approval: Approval) -> None:
    """Ask a worker for the report of a review; asking twice makes one report."""
    require(by, Permission.REPORT_MAKE, approval.version.model)
    if queries.report_of(approval) is None:
        _send(approval.pk)


def _send(approval_id: UUID) -> bool:
    """Tell the workers; a message that is lost, or not taken up in time, is sent again by the sweep."""
    told = {"queue": "heavy", "retry": False, "ignore_result": True, "expires": PATIENCE.total_seconds()}
    try:
        current_app.send_task(TASK, args=[str(approval_id)], **told)
    except Exception as error:  # every broker has its own; the sweep is the guarantee
        log.warning("the report of approval %s waits for the sweep (%s)", approval_id, error)
        return False
    return True


def make_missing(*, by: Acting, told: Collection[UUID] = ()) -> list[UUID]:
    """Send word of every review whose report is not there, but those just told of; which were sent."""
    missing = queries.awaited_reports().exclude(pk__in=told).values_list("pk", flat=True)[:BATCH]
    # Where the broker is away the next sweep tries again.
    return list(takewhile(_send, missing))


def make_report(*, by: Acting, approval: Approval) -> Report:
    """The validation report of what an approval was asked on; made once for each decision."""
    held = Approval.objects.select_related("version__model__owner", "use", "decision__run").get(
        pk=approval.pk
    )
    found = queries.report_of(held)
    if found is not None:
        return found
    made_at = timezone.now()
    statements = _verified(held)
    evidence = {"kind": "Evidence", "statements": statements}
    stamping = timestamps.authority()
    drawn = drawing.draw(
        facts_of(held, statements),
        evidence=evidence,
        made_at=made_at,
        authority=stamping.words if stamping else "",
    )
    pdf = pades.with_fields(drawn.pdf, queries.seats(held))
    return _keep(by, held, pdf, drawn, made_at)


def _verified(approval: Approval) -> dict[str, Any]:
    """Every statement that the report is drawn from, each read only after its signature held."""
    digests = [approval.decision.statement_digest, *queries.evidence_digests(approval).values()]
    trusted = keys()
    return {d: read_statement(d, trusted=trusted) for d in sorted(digests)}


def sealed_decision(approval: Approval, statements: Mapping[str, Any]) -> dict[str, Any]:
    """The decision as its statement says it, each gate with the measurement that its evidence seals."""
    said: dict[str, Any] = statements[approval.decision.statement_digest]["predicate"]
    gates = [{**g, "measurement": _measurement(g, statements)} for g in said["gates"]]
    return {**said, "gates": gates}


def _measurement(gate: Mapping[str, Any], statements: Mapping[str, Any]) -> Any:
    sealed = statements.get(str(gate.get("evidence")))
    return sealed["predicate"]["measurement"] if sealed else None


def facts_of(approval: Approval, statements: Mapping[str, Any]) -> dict[str, Any]:
    """What the template prints; the decision and its measurements as sealed."""
    version, model = approval.version, approval.version.model
    return {
        "decision": sealed_decision(approval, statements),
        "decision_digest": approval.decision.statement_digest,
        "evidence": queries.evidence_digests(approval),
        "use": approval.use.key,
        "tier": approval.subject["tier"],
        "seed": approval.decision.run.seed,
        "model": {
            "key": model.key,
            "title": model.title,
            "purpose": model.purpose,
            "limitations": model.limitations,
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
        "tried": [{"registry": name, "told": told} for name, told in runs_before(version)],
        "findings": [
            {**_plain(f, "title", "detail", "severity", "state", "due", "plan"), "owner": str(f.owner)}
            for f in open_findings(model)
        ],
        "waivers": [
            _plain(w, "gate", "valid_to", "rationale", "compensating_control")
            for w in valid_waivers(version, approval.use)
        ],
        "log": asdict(challenge_log(version)),
    }


def _plain(row: object, *names: str) -> dict[str, Any]:
    """Values only: a template of a customer's own must not reach from a row to others."""
    return {name: getattr(row, name) for name in names}


@transaction.atomic
def _keep(by: Acting, approval: Approval, pdf: bytes, drawn: drawing.Drawn, made_at: datetime) -> Report:
    held = Approval.objects.select_for_update(of=("self",)).get(pk=approval.pk)
    found = queries.report_of(held)
    if found is not None:
        return found
    guards.drawn_from(approval, held)
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
            "madeAt": made_at,
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
