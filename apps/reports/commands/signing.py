"""Signing the PDF: the exact bytes shown, by somebody who just proved who they are, at a time that is proved.

The agreement is kept first; the signature follows with the stamp of the time-stamping authority. Where the
authority is away the report awaits its time stamp and a worker completes it later: a signature whose time
nobody proves never appears. A process that dies between the two leaves the agreement, and nothing else.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from celery import current_app
from django.db import transaction
from django.utils import timezone

from apps.access.models import Person
from apps.approvals.commands import give_document
from apps.approvals.models import Approval
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.models import Statement
from apps.audit.states import Acting, Ref
from apps.audit.timestamps import Unreachable, Unverifiable
from apps.inventory.commands import keep_made
from apps.inventory.models import Blob
from apps.reports import guards, pades, queries
from apps.reports.certificates import Identity, signer_for
from apps.reports.models import Report, ReportSignature, SigningAct, SigningEnd, SigningTry

SIGNATURE = "https://countersign.dev/report-signature/v1"
DOCUMENT = "validation-report"
TASK = "apps.reports.tasks.complete_signing"
log = logging.getLogger(__name__)


def sign_report(
    *,
    by: Person,
    report: Report,
    meaning: str,
    shown_digest: str,
    reauthenticated_at: datetime | None,
) -> ReportSignature | None:
    """Agree to sign the report's newest revision, and sign it; None while it awaits its time stamp."""
    guards.reauthenticated(reauthenticated_at)
    act = _agree(by, report, guards.meaning_of(meaning), shown_digest)
    return complete_signing(by=by, act=act)


@transaction.atomic
def _agree(by: Person, report: Report, meaning: str, shown_digest: str) -> SigningAct:
    held = _hold(report)
    seat = guards.can_sign(by, held)
    before = queries.newest_blob(held)
    guards.shows_newest(before, shown_digest)
    event = audit.record(
        by=by,
        action=EventName.REPORT_SIGNING_AGREED,
        subject=held,
        after={"shown": before.digest, "meaning": meaning, "role": seat.role, "seat": seat.name},
    )
    return SigningAct.objects.create(
        report=held,
        person=by,
        seat=seat.name,
        role=seat.role,
        meaning=meaning,
        before=before,
        agreed_at=event.occurred_at,
    )


def complete_signing(*, by: Acting, act: SigningAct) -> ReportSignature | None:
    """The signature that somebody agreed to; None while no time stamp can be had, or where it became void."""
    found = ReportSignature.objects.filter(act=act).first()
    if found is not None or SigningEnd.objects.filter(act=act).exists():
        return found
    try:
        guards.still_wanted(act)
    except Refused as error:
        _end(by, act, str(error))
        return None
    identity, at = signer_for(act.person), timezone.now()
    words = pades.Words(field=act.seat, meaning=act.meaning, role=act.role)
    first = not act.report.signatures.exists()
    try:
        signed = pades.sign(
            queries.report_pdf(act.report), words=words, identity=identity, at=at, first=first
        )
    except (Unreachable, Unverifiable) as error:
        _note(by, act, str(error))
        return None
    return _keep(act, signed, identity)


@transaction.atomic
def _keep(act: SigningAct, signed: bytes, identity: Identity) -> ReportSignature | None:
    """Of several who sign the same agreement one keeps it; the others' bytes are forgotten."""
    held, by = _hold(act.report), act.person
    found = ReportSignature.objects.filter(act=act).first()
    if found is not None or SigningEnd.objects.filter(act=act).exists():
        return found
    guards.shows_newest(queries.newest_blob(held), act.before_id)
    after = keep_made(by=by, data=signed, media="application/pdf")
    stamped = pades.newest_stamp(signed)
    position = held.signatures.count() + 1
    statement = _seal(
        act,
        held,
        after,
        {"position": position, "certificate": f"sha256:{identity.sha256}", "stampedAt": stamped},
    )
    signature = ReportSignature.objects.create(
        report=held,
        person=by,
        position=position,
        seat=act.seat,
        role=act.role,
        meaning=act.meaning,
        certificate_sha256=identity.sha256,
        before=act.before,
        after=after,
        signed_at=statement.signed_at,
        stamped_at=stamped,
        statement_digest=statement.digest,
        act=act,
    )
    _give(by, held, signature)
    return signature


def _seal(act: SigningAct, held: Report, after: Blob, more: dict[str, Any]) -> Statement:
    return audit.seal(
        by=act.person,
        predicate_type=SIGNATURE,
        subjects=[Ref(type="report", id=str(held.pk), name=str(held), digest=after.digest)],
        predicate={
            "report": str(held.pk),
            "before": act.before_id,
            "after": after.digest,
            "person": str(act.person.pk),
            "role": act.role,
            "meaning": act.meaning,
            "agreedAt": act.agreed_at,
            **more,
            # The document that policies ask for: which, of what, signed in which roles so far.
            "document": DOCUMENT,
            "version": held.version.digest if held.version else "",
            "use": held.decision.use.key if held.decision else "",
            "signedBy": sorted({*held.signatures.values_list("role", flat=True), act.role}),
        },
        event=EventName.REPORT_SIGNED,
    )


@transaction.atomic
def _note(by: Acting, act: SigningAct, why: str) -> None:
    """Why no time stamp can be had, once for each reason."""
    held = _hold(act.report)
    last = act.tries.last()
    if last is not None and last.why == why[:500]:
        return
    audit.record(by=by, action=EventName.REPORT_SIGNING_WAITS, subject=held, reason=why[:500])
    SigningTry.objects.create(act=act, at=timezone.now(), why=why[:500])


@transaction.atomic
def _end(by: Acting, act: SigningAct, why: str) -> None:
    held = _hold(act.report)
    if ReportSignature.objects.filter(act=act).exists() or SigningEnd.objects.filter(act=act).exists():
        return
    audit.record(by=by, action=EventName.REPORT_SIGNING_ENDED, subject=held, reason=why[:500])
    SigningEnd.objects.create(act=act, at=timezone.now(), why=why[:500])


def complete_waiting(*, by: Acting) -> int:
    """Send word of every agreement that waits for its time stamp; how many were sent."""
    return sum(_send(act.pk) for act in queries.waiting_acts()[:100])


def _send(act_id: int) -> bool:
    told = {"queue": "quick", "retry": False, "ignore_result": True, "expires": 30.0}
    try:
        current_app.send_task(TASK, args=[act_id], **told)
    except Exception as error:  # every broker has its own; the next sweep tries again
        log.warning("the signature %s waits for the sweep (%s)", act_id, error)
        return False
    return True


def _hold(report: Report) -> Report:
    """The report, its review locked: a report is a fact and its row cannot be."""
    if report.approval_id is not None:
        Approval.objects.select_for_update(of=("self",)).get(pk=report.approval_id)
    return Report.objects.select_related("approval", "version__model", "decision__use").get(pk=report.pk)


def _give(by: Person, report: Report, signature: ReportSignature) -> None:
    """A signed report is the validation report that policies ask for."""
    if report.version is None or report.decision is None:
        return
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
