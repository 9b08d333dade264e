"""Files that can run code, made into files that are data: opened by one person, done by another's upload."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.engine.conversion_run import Converted, converted, examined
from apps.engine.errors import BadInput
from apps.inventory import conversions, guards
from apps.inventory.commands.blobs import store_bytes
from apps.inventory.models import Blob, Conversion, ConversionOpening
from apps.inventory.store import path


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


def convert_file(*, by: Person, digest: str) -> Conversion:
    """Convert bytes that one handed in, where that is open; what comes out is one's own upload."""
    guards.may_store(by)
    given = conversions.own_blob(by, digest)
    opening = conversions.open_for(given)
    conversions.second_person(by, opening)
    try:
        found = converted(path(given.digest))
    except BadInput as refused:
        raise Refused(str(refused), code="not_converted") from refused
    made = store_bytes(by=by, data=found.data, media=f"model/{found.format}")
    return _kept(by=by, opening=opening, made=made, found=found)


@transaction.atomic
def _kept(*, by: Person, opening: ConversionOpening, made: Blob, found: Converted) -> Conversion:
    held = ConversionOpening.objects.select_related("given").get(pk=opening.pk)
    conversions.open_for(held.given)
    statement = audit.seal(
        by=by,
        predicate_type=conversions.CONVERSION,
        subjects=[_ref(made)],
        predicate={
            "opening": held.statement_digest,
            "given": held.given_id,
            "made": made.digest,
            "format": found.format,
            "findings": list(found.findings),
            # What the converting process says of itself is a claim; the equivalence was measured apart.
            "claimed": dict(found.said),
            "equivalence": dict(found.equivalence),
            "walls": dict(found.walls),
            "convertedBy": str(by.pk),
        },
        event=EventName.CONVERSION_DONE,
    )
    return Conversion.objects.create(
        opening=held,
        made=made,
        format=found.format,
        claimed=dict(found.said),
        equivalence=dict(found.equivalence),
        converted_by=by,
        statement_digest=statement.digest,
    )


def _ref(blob: Blob) -> Ref:
    return Ref("blob", blob.digest, blob.digest, blob.digest)
