"""Findings that monitoring opens by itself: a decision that is no pass, and a time that was missed."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.approvals import guards, queries
from apps.approvals.commands.findings import seen
from apps.approvals.models import Finding
from apps.approvals.states import Severity
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.gates.models import Decision, Schedule
from apps.gates.queries import gates_owed, monitoring_failures, not_monitored_since

MONITORING_DUE = timedelta(days=30)
log = logging.getLogger(__name__)


def open_monitoring_findings(*, by: Acting) -> list[Finding]:
    """A finding for each version whose newest monitoring decision is no pass and that has none yet."""
    found = (_tried(by, decision) for decision in monitoring_failures())
    return [finding for finding in found if finding is not None]


def _tried(by: Acting, decision: Decision) -> Finding | None:
    try:
        return open_monitoring_finding(by=by, decision=decision)
    except Refused as refused:
        log.warning("no finding was opened for the decision %s: %s", decision.statement_digest, refused)
        return None


@transaction.atomic
def open_monitoring_finding(*, by: Acting, decision: Decision) -> Finding | None:
    """Open a finding for a monitoring decision that did not pass; None where one speaks of it already."""
    if decision.outcome == "pass" or queries.monitoring_finding(decision) is not None:
        return None
    model = decision.version.model
    failing = [g for g in decision.document["gates"] if g["outcome"] not in guards.PASSING]
    told = [g["why"] for g in failing] or list(decision.document.get("reasons") or ())
    finding = Finding(
        model=model,
        version=decision.version,
        decision=decision,
        gate=failing[0]["id"] if failing else "",
        title=f"Monitoring of {decision.version} on {decision.decided_at:%Y-%m-%d}: {decision.outcome}",
        detail="\n".join(told),
        severity=Severity.HIGH,
        owner=model.owner,
        due=(timezone.now() + MONITORING_DUE).date(),
    )
    return _opened(by, finding)


def _opened(by: Acting, finding: Finding) -> Finding | None:
    try:
        with transaction.atomic():
            finding.save(force_insert=True)
    except IntegrityError:
        return None  # another sweep was quicker
    audit.record(by=by, action=EventName.FINDING_OPENED, subject=finding, after=seen(finding))
    return finding


# What did not happen --------------------------------------------------------------------------------------


def open_missed_findings(*, by: Acting) -> list[Finding]:
    """A finding for each schedule that was not kept and that none speaks of; once for each time."""
    found = (open_missed_finding(by=by, schedule=schedule) for schedule in not_monitored_since())
    return [finding for finding in found if finding is not None]


@transaction.atomic
def open_missed_finding(*, by: Acting, schedule: Schedule) -> Finding | None:
    """Open a finding for monitoring that did not happen; None where one speaks of it already."""
    if schedule.missed_at is None or queries.missed_finding(schedule) is not None:
        return None
    model = schedule.version.model
    finding = Finding(
        model=model,
        version=schedule.version,
        schedule=schedule,
        missed_at=schedule.missed_at,
        title=f"Monitoring of {schedule.version} on {schedule.dataset} was missed "
        f"on {schedule.missed_at:%Y-%m-%d}",
        detail="\n".join([schedule.missed_why, *_calibration_owed(schedule)]),
        severity=Severity.MEDIUM,
        owner=model.owner,
        due=(timezone.now() + MONITORING_DUE).date(),
    )
    return _opened(by, finding)


def _calibration_owed(schedule: Schedule) -> list[str]:
    """A sentence where calibration would have been measured: whether to recalibrate is not known then."""
    owed = sorted(gate.id for gate in gates_owed(schedule) if gate.check.startswith("calibration."))
    if not owed:
        return []
    return [
        f"Calibration was not measured either ({', '.join(owed)}): whether the model must be recalibrated is "
        "overdue to be told."
    ]
