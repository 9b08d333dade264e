"""Uploads in pieces: begun with what they will be, gone on with after a break, complete or forgotten."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.access.models import Person
from apps.access.text import clean
from apps.audit.errors import Invalid, Refused
from apps.audit.states import Acting
from apps.inventory import guards, room
from apps.inventory.commands.blobs import hold_room, keep_blob
from apps.inventory.models import Blob, Upload
from apps.inventory.queries import find_upload
from apps.inventory.store import Readable, Stored, largest, plain_digest, the_store
from apps.inventory.stores.common import CHUNK, CutShort

MOST_OPEN = 50  # uploads of one person
MOST_PARTS = 10_000


@transaction.atomic
def begin_upload(*, by: Person, digest: str, size: int, media: str = "", unit: str = "") -> Upload:
    """Announce bytes by digest and size; the same announcement again gives the upload that was begun.

    What does not fit a limit or a quota is refused here, before a byte is sent.
    """
    guards.may_store(by)
    wanted, called = plain_digest(digest), clean(media, field="media", longest=100)
    guards.fits_one_upload(size, largest())
    counted = room.unit_of(by, unit)
    hold_room()
    mine = room.open_uploads().filter(person=by)
    known = mine.filter(digest=wanted, size=size, unit=counted).order_by("begun_at").first()
    if known is not None:
        return known
    if mine.count() >= MOST_OPEN:
        raise Refused(f"You have {MOST_OPEN} uploads under way; complete or cancel some.", code="too_many")
    room.refuse_full(counted, size)
    return Upload.objects.create(
        person=by, unit=counted, digest=wanted, size=size, media=called, expires_at=_until()
    )


def _until() -> datetime:
    return timezone.now() + timedelta(hours=settings.UPLOAD_HOURS)


def add_piece(
    *, by: Person, upload_id: UUID, offset: int, stream: Readable, checksum: str | None = None
) -> Upload:
    """Take the next bytes of an upload. What arrived before a break is kept, and the break is told.

    Bytes with a `checksum` are kept only when they have it; all of them are checked in the end.
    """
    upload = guards.goes_on_at(find_upload(by, upload_id), offset)
    if len(upload.parts) >= MOST_PARTS:
        raise Refused(f"The upload has {MOST_PARTS:,} pieces already; send larger ones.", code="too_many")
    name = f"{upload.pk}/{offset}-{secrets.token_hex(8)}"
    with the_store().draft() as draft:
        piece = _gathered(stream, draft, upload.size - offset)
        if piece.broken is not None and (checksum is not None or not piece.size):
            raise piece.broken
        if checksum is not None and piece.digest != checksum:
            raise Invalid(f"The piece has the digest {piece.digest}, not {checksum}.", field="Content-Digest")
        if piece.size:
            the_store().put_part(name, draft)
    try:
        upload = _noted(upload.pk, offset, name, piece.size)
    except Refused:
        the_store().drop_part(name)
        raise
    if piece.broken is not None:
        raise piece.broken
    return upload


@dataclass(frozen=True, slots=True)
class _Piece:
    size: int
    digest: str
    broken: CutShort | None


def _gathered(stream: Readable, draft: Path, most: int) -> _Piece:
    """The bytes of a stream in a file, also those of one that breaks off."""
    hasher, size, broken = hashlib.sha256(), 0, None
    with draft.open("xb") as file:
        try:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                if size > most:
                    raise Invalid(f"The upload has only {most:,} bytes left.", field="body", code="too_large")
                hasher.update(chunk)
                file.write(chunk)
        except CutShort as cut:
            broken = cut
        file.flush()
        os.fsync(file.fileno())
    return _Piece(size, "sha256:" + hasher.hexdigest(), broken)


@transaction.atomic
def _noted(upload_id: UUID, offset: int, name: str, size: int) -> Upload:
    """Write a piece down where the upload still stands at its offset; of two at once one is told so."""
    held = Upload.objects.select_for_update().filter(pk=upload_id).first()
    upload = guards.goes_on_at(held, offset)
    if size:
        upload.parts = [*upload.parts, name]
        upload.received = offset + size
    upload.expires_at = _until()
    upload.save(update_fields=["parts", "received", "expires_at"])
    return upload


def complete_upload(*, by: Person, upload_id: UUID) -> Blob:
    """Put the pieces together: the bytes of the announced digest, or nothing at all."""
    upload = find_upload(by, upload_id)
    if upload.complete:
        return Blob.objects.get(pk=upload.digest)
    guards.all_received(upload)
    store = the_store()
    try:
        stored = store.put(
            _Joined(store.read_parts(upload.parts)), largest=upload.size, expected=upload.digest
        )
    except Invalid:
        cancel_upload(by=by, upload_id=upload_id)
        raise
    return _completed(by=by, upload=upload, stored=stored)


class _Joined:
    """Pieces as one stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int) -> bytes:
        return next(self._pieces, b"")


@transaction.atomic
def _completed(*, by: Person, upload: Upload, stored: Stored) -> Blob:
    hold_room()
    blob = keep_blob(by=by, stored=stored, media=upload.media, unit=upload.unit, upload=upload)
    Upload.objects.filter(pk=upload.pk).update(complete=True, parts=[])
    transaction.on_commit(lambda: the_store().drop_parts(str(upload.pk)))
    return blob


def cancel_upload(*, by: Person, upload_id: UUID) -> None:
    """Forget an upload and its pieces; the bytes of one that is complete stay."""
    _forget(find_upload(by, upload_id))


def _forget(upload: Upload) -> None:
    Upload.objects.filter(pk=upload.pk).delete()
    the_store().drop_parts(str(upload.pk))


def expire_uploads(*, by: Acting) -> int:
    """Forget uploads that nobody went on with, and those long complete; how many there were."""
    late = Upload.objects.filter(expires_at__lt=timezone.now())
    found = list(late.order_by("expires_at")[:200])
    for upload in found:
        _forget(upload)
    return len(found)
