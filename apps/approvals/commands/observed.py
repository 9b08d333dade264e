"""Findings that the service itself opens for what it observes: something runs that should not."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from apps.access.models import Person
from apps.access.text import clean
from apps.approvals import guards
from apps.approvals.models import Finding
from apps.approvals.states import FindingState
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.gates.clock import database_now
from apps.inventory.models import ModelVersion, RegisteredModel

DUE = timedelta(days=14)


@transaction.atomic
def open_observed_finding(
    *,
    by: Acting,
    model: RegisteredModel,
    title: str,
    severity: str,
    detail: str = "",
    version: ModelVersion | None = None,
) -> Finding:
    """Open a finding for what was observed; one that is not closed and says the same is kept instead.

    No permission is asked for: whoever reports a fact opens what the fact itself calls for.
    """
    guards.version_of(model, version)
    said = guards.said(title, "title", longest=300)
    same = Finding.objects.filter(model=model, version=version, title=said)
    standing = same.exclude(state=FindingState.CLOSED).first()
    if standing is not None:
        return standing
    finding = Finding.objects.create(
        model=model,
        version=version,
        title=said,
        detail=clean(detail, field="detail", lines=True),
        severity=guards.severity_of(severity),
        owner=model.owner,
        due=(database_now() + DUE).date(),
        opened_by=by if isinstance(by, Person) else None,
    )
    after = {"model": model.key, "version": version.digest if version else "", "severity": finding.severity}
    audit.record(by=by, action=EventName.FINDING_OPENED, subject=finding, after=after)
    return finding
