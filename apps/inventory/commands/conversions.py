"""Files that can run code, made into files that are data: opened by one person for another's upload."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.clocks import database_now
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.states import Acting, Ref
from apps.engine.conversion_run import Converted, converted, examined
from apps.engine.errors import BadInput, Problem
from apps.inventory import conversions, guards
from apps.inventory.commands.blobs import store_bytes
from apps.inventory.commands.conversion_leases import (
    NotMine,
    claim_conversion,
    end_conversion,
    refuse_conversion,
    send_after_commit,
    set_back,
    still_mine,
)
from apps.inventory.models import Blob, Conversion, ConversionJob, ConversionOpening
from apps.inventory.store import Unreachable, path

log = logging.getLogger(__name__)


def open_conversion(*, by: Person, digest: str, reason: str, hours: int = 24) -> ConversionOpening:
    """Let one file that can run code be converted once, for a time; its findings are sealed."""
    require(by, Permission.CONVERSION_OPEN)
    said, lasting = required(reason, field="reason", lines=True), conversions.hours(hours)
    given = conversions.given_blob(digest)
    try:
        findings = examined(path(given.digest))  # in a child process, so outside of any transaction
    except BadInput as refused:
        raise Invalid(str(refused), field="digest") from refused
    return _opened(by=by, given=given, reason=said, hours=lasting, findings=findings)


@transaction.atomic
def _opened(*, by: Person, given: Blob, reason: str, hours: int, findings: list[str]) -> ConversionOpening:
    until = timezone.now() + timedelta(hours=hours)
    statement = audit.seal(
        by=by,
        predicate_type=conversions.OPENING,
        subjects=[_ref(given)],
        predicate={
            "given": given.digest,
            "findings": findings,
            "reason": reason,
            "until": until,
            "openedBy": str(by.pk),
        },
        event=EventName.CONVERSION_OPENED,
    )
    return ConversionOpening.objects.create(
        given=given,
        reason=reason,
        findings=findings,
        until=until,
        opened_by=by,
        statement_digest=statement.digest,
    )


@transaction.atomic
def ask_conversion(*, by: Person, digest: str) -> ConversionJob:
    """Ask for bytes that one handed in to be converted, where that is open; what comes out is one's own.

    A worker does it. Whoever asked already gets the same again, until it was refused.
    """
    guards.may_store(by)
    given = conversions.own_blob(by, digest)
    found = conversions.unfinished(by, given)
    if found is not None:
        return found
    opening = conversions.open_for(given)
    conversions.second_person(by, opening)
    conversions.not_asked(opening)
    job = ConversionJob.objects.create(opening=opening, asked_by=by, published_at=database_now())
    audit.record(by=by, action=EventName.CONVERSION_ASKED, subject=job, after={"given": given.digest})
    send_after_commit(job)
    return job


def execute_conversion(*, by: Acting, job_id: UUID, owner: str) -> ConversionJob | None:
    """Work on a conversion; None where somebody else has it, or took it meanwhile."""
    job = claim_conversion(by=by, job_id=job_id, owner=owner)
    if job is None:
        return None
    try:
        return _worked(by, job)
    except NotMine as lost:
        log.warning("what came of conversion %s is thrown away: %s", job.pk, lost)
        return None


def _worked(by: Acting, job: ConversionJob) -> ConversionJob:
    try:
        guards.may_store(job.asked_by)
        conversions.open_for(job.opening.given)
        found = converted(path(job.opening.given_id))  # in child processes, outside of any transaction
    except (InterfaceError, OperationalError):
        raise  # nothing can be written either: the lease runs out and it is taken up again
    except Unreachable as away:
        return set_back(by=by, job=job, why=str(away))
    except (Refused, Problem) as refused:
        return refuse_conversion(by=by, job=job, why=str(refused))
    except Exception as error:
        log.exception("conversion %s failed", job.pk)
        return set_back(by=by, job=job, why=f"Something unforeseen went wrong ({type(error).__name__}).")
    try:
        return _kept(by=by, job=job, found=found)
    except Unreachable as away:
        return set_back(by=by, job=job, why=str(away))
    except Refused as refused:
        return refuse_conversion(by=by, job=job, why=str(refused))


@transaction.atomic
def _kept(*, by: Acting, job: ConversionJob, found: Converted) -> ConversionJob:
    held = still_mine(job)
    opening, person = held.opening, held.asked_by
    conversions.open_for(opening.given)
    made = store_bytes(by=person, data=found.data, media=f"model/{found.format}")
    statement = audit.seal(
        by=by,
        predicate_type=conversions.CONVERSION,
        subjects=[_ref(made)],
        predicate={
            "opening": opening.statement_digest,
            "given": opening.given_id,
            "made": made.digest,
            "format": found.format,
            "findings": list(found.findings),
            # What the converting process says of itself is a claim; the equivalence was measured apart.
            "claimed": dict(found.said),
            "equivalence": dict(found.equivalence),
            "walls": dict(found.walls),
            "convertedBy": str(person.pk),
            "worker": held.owner,
        },
        event=EventName.CONVERSION_DONE,
    )
    done = Conversion.objects.create(
        opening=opening,
        made=made,
        format=found.format,
        claimed=dict(found.said),
        equivalence=dict(found.equivalence),
        converted_by=person,
        statement_digest=statement.digest,
    )
    return end_conversion(by=by, job=held, conversion=done)


def _ref(blob: Blob) -> Ref:
    return Ref("blob", blob.digest, blob.digest, blob.digest)
