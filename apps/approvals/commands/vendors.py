"""Gaps in a vendor's file and changes without a word become findings, each once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.approvals.models import Finding
from apps.approvals.states import FindingState, Severity
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.engine.errors import Problem
from apps.engine.keys import KeySet
from apps.engine.vendor_pack import VendorPack
from apps.engine.vendor_pack_apart import read_apart
from apps.engine.verified import Question
from apps.engine.verify_apart import Busy
from apps.inventory import commands as inventory
from apps.inventory import store, vendors
from apps.inventory.commands.models import hold_model
from apps.inventory.models import ModelDocument, ModelVersion, RegisteredModel, VendorReview
from apps.inventory.states import DocumentKind

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


@dataclass(frozen=True, slots=True)
class Imported:
    """A vendor's pack as it was taken in: what it tells, and the review that it became."""

    pack: VendorPack
    review: VendorReview


def import_vendor_pack(*, by: Person, document: ModelDocument, vendor: str, keys: KeySet) -> Imported:
    """Hold a vendor's evidence pack against the checklist, verified under the vendor's keys.

    Somebody registered the pack as the vendor's file; whoever imports it says whose the keys are. What it
    tells is the vendor's word; what a review said before and says more stays, and each gap is a finding, as
    in a review by hand.
    """
    require(by, Permission.FINDING_OPEN, document.model)
    if document.kind != DocumentKind.VENDOR_FILE:
        raise Invalid(f"{document.title} is a {document.kind}, and no file of a vendor.", field="document")
    called = required(vendor, field="vendor", longest=200)
    with store.open(document.blob_id) as file:
        data = file.read()
    try:
        found = read_apart(data, Question(at=timezone.now(), keys=keys, into_reports=False))
    except Busy as busy:
        raise Refused(str(busy), code="busy") from None
    except Problem as problem:
        raise Invalid(f"The pack is not taken in: {problem}", field="document") from None
    before = vendors.newest_review(document.model)
    answers = _answers(found, document, before)
    review = review_vendor(by=by, model=document.model, vendor=called, answers=answers)
    return Imported(found, review)


def _answers(
    pack: VendorPack, document: ModelDocument, before: VendorReview | None
) -> dict[str, dict[str, str]]:
    """What the pack tells, and what a person found before where that is more."""
    known = before.answers if before else {}
    said = {
        name: {
            "met": told["met"],
            "note": f"Vendor's own word, pack {document.blob_id[7:19]}: {told['note']}",
        }
        for name, told in pack.answers.items()
    }
    names = {item.id for item in vendors.ITEMS}
    return {
        name: max(
            (known.get(name, {}), said.get(name, {})), key=lambda one: vendors.MET[one.get("met", "no")]
        )
        for name in sorted(names & (set(known) | set(said)))
    }


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
