"""What is known of conversions: who opened one for which bytes, until when, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.access.guards import may
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.inventory.models import Blob, Conversion, ConversionJob, ConversionOpening, ModelVersion
from apps.inventory.states import ConversionState
from apps.inventory.store import plain_digest

OPENING = "https://countersign.dev/conversion-opening/v1"
CONVERSION = "https://countersign.dev/conversion/v1"
LONGEST_HOURS = 7 * 24
UNFINISHED = (ConversionState.QUEUED, ConversionState.RUNNING)


def visible_openings(by: Person) -> QuerySet[ConversionOpening]:
    """All of them for who opens them; for others those of bytes that they handed in."""
    rows = ConversionOpening.objects.select_related(
        "opened_by", "conversion", "conversion__converted_by"
    ).prefetch_related("jobs")
    if may(by, Permission.CONVERSION_OPEN):
        return rows
    return rows.filter(
        Q(given__possessions__person=by) | Q(conversion__made__possessions__person=by)
    ).distinct()


def given_blob(digest: str) -> Blob:
    """The bytes that a conversion is to be opened for; they need not be the caller's."""
    wanted = plain_digest(digest)
    found = Blob.objects.filter(pk=wanted).first()
    if found is None:
        raise NotFound(f"There are no bytes {wanted} in the store; they have to be uploaded first.")
    return found


def own_blob(by: Person, digest: str) -> Blob:
    """Bytes that this person handed in; others learn nothing of them."""
    wanted = plain_digest(digest)
    found = Blob.objects.filter(pk=wanted, possessions__person=by).first()
    if found is None:
        raise NotFound(f"You handed in no bytes {wanted}.")
    return found


def open_for(given: Blob, now: datetime | None = None) -> ConversionOpening:
    """The opening that stands for these bytes and was not used; Refused says why there is none."""
    rows = ConversionOpening.objects.filter(given=given).order_by("-opened_at", "-id")
    unused = rows.filter(conversion=None).first()
    if unused is None:
        raise Refused(
            "Files that can run code are refused. An administrator may open one conversion for exactly these "
            "bytes, with a reason; none is open.",
            code="not_open",
        )
    if unused.until <= (now or timezone.now()):
        raise Refused(f"The conversion was open until {unused.until:%Y-%m-%d %H:%M} UTC.", code="not_open")
    return unused


def unfinished(by: Person, given: Blob) -> ConversionJob | None:
    """What this person asked for these bytes and is still waiting for."""
    rows = ConversionJob.objects.filter(asked_by=by, opening__given=given)
    return rows.filter(state__in=UNFINISHED).first()


def not_asked(opening: ConversionOpening) -> None:
    """An opening serves one conversion: somebody else who handed the same bytes in may have asked."""
    if opening.jobs.exclude(state=ConversionState.REFUSED).exists():
        raise Refused("Somebody else asked already for the conversion that is open.", code="not_open")


def find_job(by: Person, job_id: UUID) -> ConversionJob:
    """A conversion that this person asked for, or of openings that they see."""
    rows = ConversionJob.objects.select_related("opening", "asked_by", "conversion__converted_by")
    found = rows.filter(pk=job_id).filter(Q(asked_by=by) | Q(opening__in=visible_openings(by))).first()
    if found is None:
        raise NotFound(f"There is no conversion {job_id} that you may see.")
    return found


def second_person(by: Person, opening: ConversionOpening) -> None:
    """Whoever opens a conversion does not use it."""
    if by.identity == opening.opened_by.identity:
        raise Forbidden("A conversion is used by another person than the one who opened it.")


def hours(value: Any) -> int:
    """How long a conversion may stay open."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_HOURS:
        raise Invalid(
            f'"hours" is {value!r}; a whole number from 1 to {LONGEST_HOURS} was expected.', field="hours"
        )
    return value


def origin_of(version: ModelVersion) -> Conversion | None:
    """The conversion that an artifact came out of; None for one that was handed in as it is."""
    if version.artifact_id is None:
        return None
    rows = Conversion.objects.select_related("opening", "opening__given", "converted_by")
    return rows.filter(made_id=version.artifact_id).order_by("-converted_at", "-id").first()
