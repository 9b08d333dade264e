"""Bytes taken into the store."""

from __future__ import annotations

import io

from django.db import connection, transaction
from django.utils import timezone

from apps.access.models import Person
from apps.access.text import clean
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.inventory import guards, room
from apps.inventory.models import Blob, BusinessUnit, Possession, StoredBytes, UnitBytes, Upload
from apps.inventory.store import Readable, Stored, largest, plain_digest, the_store

ROOM = 0x726F6F6D  # "room": whoever takes up room under a quota holds this lock until it is written down


def store_blob(
    *,
    by: Person,
    stream: Readable,
    expected_digest: str | None = None,
    media: str = "",
    size: int = 0,
    unit: str = "",
) -> Blob:
    """Take bytes in: hashed while they are read, kept under their digest, written down once.

    `expected_digest` is what they must hash to; `size`, where it is known, is refused before a byte is
    read when it does not fit the quota of the business unit `unit` or of everybody.
    """
    guards.may_store(by)
    expected = None if expected_digest is None else plain_digest(expected_digest)
    called = clean(media, field="media", longest=100)
    counted = room.unit_of(by, unit)
    room.refuse_full(counted, size)
    stored = the_store().put(stream, largest=largest(), expected=expected)
    return keep_blob(by=by, stored=stored, media=called, unit=counted)


@transaction.atomic
def keep_blob(
    *, by: Person, stored: Stored, media: str, unit: BusinessUnit | None = None, upload: Upload | None = None
) -> Blob:
    """Write down that the store holds these bytes, and that this person handed them in."""
    hold_room()
    known = room.kept_blobs().filter(pk=stored.digest)
    if unit is not None:
        known = known.filter(units__unit=unit)
    if not known.exists():
        room.refuse_full(unit, stored.size, without=upload)
    return _written_down(by, stored, media, unit)


def _written_down(by: Person, stored: Stored, media: str, unit: BusinessUnit | None = None) -> Blob:
    blob, new = Blob.objects.get_or_create(
        digest=stored.digest, defaults={"size": stored.size, "media": media, "stored_by": by}
    )
    note_kept(by=by, blob=blob)
    Possession.objects.get_or_create(blob=blob, person=by)
    if unit is not None:
        UnitBytes.objects.get_or_create(blob=blob, unit=unit)
    if new:
        audit.record(by=by, action=EventName.BLOB_STORED, subject=blob, after={"size": stored.size})
    return blob


def hold_room() -> None:
    """Nobody else takes up room until this transaction ends, so two that fit alone never fit together."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ROOM])


def note_kept(*, by: Acting, blob: Blob) -> None:
    """The bytes are there from now on; refused where a removal took them away at this very moment."""
    row, new = StoredBytes.objects.select_for_update().get_or_create(
        blob=blob, defaults={"kept_at": timezone.now()}
    )
    if new:
        return
    if not the_store().has(blob.digest):
        raise Refused(f"The bytes {blob.digest} were just removed; send them again.", code="gone")
    before = row.removed_at
    row.kept_at, row.removed_at = timezone.now(), None
    row.save(update_fields=["kept_at", "removed_at"])
    if before is not None:
        audit.record(
            by=by, action=EventName.BLOB_STORED, subject=blob, before={"bytes": 0}, after={"size": blob.size}
        )


@transaction.atomic
def keep_made(*, by: Acting, data: bytes, media: str) -> Blob:
    """Keep bytes that the service itself made, such as a report; they are in nobody's possession."""
    stored = the_store().put(io.BytesIO(data), largest=largest(), expected=None)
    blob, new = Blob.objects.get_or_create(
        digest=stored.digest, defaults={"size": stored.size, "media": media}
    )
    note_kept(by=by, blob=blob)
    if new:
        audit.record(by=by, action=EventName.BLOB_STORED, subject=blob, after={"size": stored.size})
    return blob


@transaction.atomic
def store_bytes(*, by: Person, data: bytes, media: str) -> Blob:
    """As `store_blob`, for few bytes at hand that the caller was permitted to write."""
    stored = the_store().put(io.BytesIO(data), largest=largest(), expected=None)
    return _written_down(by, stored, media)


def count_to(*, by: Person, unit: BusinessUnit, digests: set[str]) -> None:
    """Count bytes to the quota of the unit whose version names them; they stay from here on."""
    hold_room()
    room.still_kept(digests)
    new = Blob.objects.filter(pk__in=digests).exclude(units__unit=unit)
    room.refuse_full(unit, sum(new.values_list("size", flat=True)))
    for blob in new:
        UnitBytes.objects.get_or_create(blob=blob, unit=unit)
