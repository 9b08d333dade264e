"""Bytes taken into the store."""

from __future__ import annotations

import io

from django.db import transaction

from apps.access.models import Person
from apps.access.text import clean
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.inventory import guards
from apps.inventory.models import Blob, Possession
from apps.inventory.store import Readable, Stored, largest, plain_digest, the_store


def store_blob(*, by: Person, stream: Readable, expected_digest: str | None = None, media: str = "") -> Blob:
    """Take bytes in: hashed while they are read, kept under their digest, written down once.

    `expected_digest` is what they must hash to.
    """
    guards.may_store(by)
    expected = None if expected_digest is None else plain_digest(expected_digest)
    called = clean(media, field="media", longest=100)
    stored = the_store().put(stream, largest=largest(), expected=expected)
    return keep_blob(by=by, stored=stored, media=called)


@transaction.atomic
def keep_blob(*, by: Person, stored: Stored, media: str) -> Blob:
    """Write down that the store holds these bytes, and that this person handed them in."""
    blob, new = Blob.objects.get_or_create(
        digest=stored.digest, defaults={"size": stored.size, "media": media, "stored_by": by}
    )
    Possession.objects.get_or_create(blob=blob, person=by)
    if new:
        audit.record(by=by, action=EventName.BLOB_STORED, subject=blob, after={"size": stored.size})
    return blob


@transaction.atomic
def keep_made(*, by: Acting, data: bytes, media: str) -> Blob:
    """Keep bytes that the service itself made, such as a report; they are in nobody's possession."""
    stored = the_store().put(io.BytesIO(data), largest=largest(), expected=None)
    blob, new = Blob.objects.get_or_create(
        digest=stored.digest, defaults={"size": stored.size, "media": media}
    )
    if new:
        audit.record(by=by, action=EventName.BLOB_STORED, subject=blob, after={"size": stored.size})
    return blob


def store_bytes(*, by: Person, data: bytes, media: str) -> Blob:
    """As `store_blob`, for bytes at hand that the caller was permitted to write."""
    stored = the_store().put(io.BytesIO(data), largest=largest(), expected=None)
    return keep_blob(by=by, stored=stored, media=media)
