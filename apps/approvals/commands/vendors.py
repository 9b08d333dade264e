"""Gaps in a vendor's file and changes without a word become findings, each once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.access.models import Person
from apps.approvals.models import Finding
from apps.approvals.states import FindingState, Severity
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.inventory import commands as inventory
from apps.inventory import vendors
from apps.inventory.commands.models import hold_model
from apps.inventory.models import ModelVersion, RegisteredModel, VendorReview

DUE = timedelta(days=60)
GATE = "vendor."
UNTOLD = GATE + "change_notice"


@transaction.atomic
def review_vendor(
    *, by: Person, model: RegisteredModel, vendor: str, answers: Mapping[str, Any]
) -> VendorReview:
    """Keep a review of the vendor's file; each gap is a finding that names the vendor, unless one stands."""
    review = inventory.keep_vendor_review(by=by, model=model, vendor=vendor, answers=answers)
    standing = Finding.objects.filter(model=model, gate__startswith=GATE).exclude(state=FindingState.CLOSED)
    known = set(standing.values_list("gate", flat=True))
    for item in vendors.judged(review.answers).gaps:
        if GATE + item.id not in known:
            answer = review.answers[item.id]
            told = "tells part of" if answer["met"] == "partly" else "does not tell of"
            _open(
                by,
                model=model,
                gate=GATE + item.id,
                title=f"{review.vendor} {told}: {item.title.lower()}"[:300],
                detail=f"Asked of {review.vendor}: {item.asks}\n{answer['note']}".strip(),
                severity=Severity(item.severity),
            )
    return review


def open_untold_findings(*, by: Acting, model: RegisteredModel | None = None) -> list[Finding]:
    """A finding for each new version of a vendor of which no change notice speaks, once a version."""
    found = (_untold(by=by, version=version) for version in vendors.untold(model))
    return [finding for finding in found if finding is not None]


@transaction.atomic
def _untold(*, by: Acting, version: ModelVersion) -> Finding | None:
    hold_model(version.model.key)
    if Finding.objects.filter(version=version, gate=UNTOLD).exists():
        return None
    review = vendors.newest_review(version.model)
    vendor = review.vendor if review else "The vendor"
    return _open(
        by,
        model=version.model,
        version=version,
        gate=UNTOLD,
        title=f"{vendor} told nothing of {version}"[:300],
        detail=f"{version} came without a change notice. Asked of {vendor}: what changed, why, since when.",
        severity=Severity.HIGH,
    )


def _open(by: Acting, *, model: RegisteredModel, severity: Severity, **fields: Any) -> Finding:
    finding = Finding.objects.create(
        model=model,
        severity=severity,
        owner=model.owner,
        due=(timezone.now() + DUE).date(),
        opened_by=by if isinstance(by, Person) else None,
        **fields,
    )
    after = {"model": model.key, "gate": finding.gate, "severity": severity, "due": finding.due.isoformat()}
    audit.record(by=by, action=EventName.FINDING_OPENED, subject=finding, after=after)
    return finding
