"""Signing the PDF: the exact bytes shown, by somebody who just proved who they are."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.access.models import Person
from apps.approvals.commands import give_document
from apps.approvals.models import Approval
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.inventory.commands import keep_made
from apps.reports import guards, pades, queries
from apps.reports.certificates import identity_of
from apps.reports.models import Report, ReportSignature

SIGNATURE = "https://countersign.dev/report-signature/v1"
DOCUMENT = "validation-report"


@transaction.atomic
def sign_report(
    *,
    by: Person,
    report: Report,
    meaning: str,
    shown_digest: str,
    reauthenticated_at: datetime | None,
) -> ReportSignature:
    """Append this person's signature to the report's newest revision."""
    held = _hold(report)
    seat = guards.can_sign(by, held)
    guards.reauthenticated(reauthenticated_at)
    said = guards.meaning_of(meaning)
    before = queries.newest_blob(held)
    guards.shows_newest(before, shown_digest)
    identity = identity_of(by)
    position = held.signatures.count() + 1
    signed = pades.sign(
        queries.report_pdf(held),
        field=seat.name,
        identity=identity,
        meaning=said,
        at=timezone.now(),
        first=position == 1,
    )
    after = keep_made(by=by, data=signed, media="application/pdf")
    statement = audit.seal(
        by=by,
        predicate_type=SIGNATURE,
        subjects=[Ref(type="report", id=str(held.pk), name=str(held), digest=after.digest)],
        predicate={
            "report": str(held.pk),
            "before": before.digest,
            "after": after.digest,
            "person": str(by.pk),
            "role": seat.role,
            "meaning": said,
            "position": position,
            "certificate": f"sha256:{identity.sha256}",
            # The document that policies ask for: which, of what, signed in which roles so far.
            "document": DOCUMENT,
            "version": held.version.digest,
            "use": held.decision.use.key,
            "signedBy": sorted({*held.signatures.values_list("role", flat=True), seat.role}),
        },
        event=EventName.REPORT_SIGNED,
    )
    signature = ReportSignature.objects.create(
        report=held,
        person=by,
        position=position,
        seat=seat.name,
        role=seat.role,
        meaning=said,
        certificate_sha256=identity.sha256,
        before=before,
        after=after,
        signed_at=statement.signed_at,
        statement_digest=statement.digest,
    )
    _give(by, held, signature)
    return signature


def _hold(report: Report) -> Report:
    """The report, its review locked: a report is a fact and its row cannot be."""
    if report.approval_id is not None:
        Approval.objects.select_for_update(of=("self",)).get(pk=report.approval_id)
    return Report.objects.select_related("approval", "version__model", "decision__use").get(pk=report.pk)


def _give(by: Person, report: Report, signature: ReportSignature) -> None:
    """A signed report is the validation report that policies ask for."""
    give_document(
        by=by,
        version=report.version,
        use=report.decision.use,
        key=DOCUMENT,
        type="report",
        blob_digest=signature.after_id,
        signed_by=list(report.signatures.values_list("role", flat=True)),
        statement_digest=signature.statement_digest,
        given_at=signature.signed_at,
    )
