"""Bytes whose time is over are removed; the facts about them, and their digests, stay for ever."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.past import clock
from apps.inventory.models import Blob, StoredBytes
from apps.inventory.retention import Removable, due
from apps.inventory.store import the_store


def purge_blobs(*, by: Person, reason: str, shown: str | None = None) -> list[Removable]:
    """Remove every blob whose retention ended and that no hold covers; one event names each by its digest.

    `shown` is the digest of the list that the person was shown: where another one is due now, nothing goes.
    """
    require(by, Permission.HOLD_MANAGE)
    said = required(reason, field="reason", lines=True)
    found = due(clock().date())
    if shown is not None and shown != found.digest:
        raise Refused("What is due has changed since it was shown; look at it again.", code="changed")
    return [one for one in found.rows if _purge(by, one, said)]


@transaction.atomic
def _purge(by: Person, one: Removable, reason: str) -> bool:
    """The event first, in the transaction; the bytes go last, so that none are gone without their event."""
    blob = Blob.objects.select_for_update().get(pk=one.blob.pk)
    if not the_store().has(blob.digest):
        return False
    audit.record(
        by=by,
        action=EventName.BLOB_PURGED,
        subject=blob,
        before={"bytes": blob.size},
        after={"bytes": 0, "models": list(one.models), "kept_until": one.since},
        reason=reason,
    )
    mark_removed([blob.digest])
    return True


def mark_removed(digests: list[str]) -> None:
    """Write down that bytes are gone, and take them out once that stands."""
    StoredBytes.objects.filter(pk__in=digests).update(removed_at=timezone.now())
    transaction.on_commit(lambda: _take_out(digests))


def _take_out(digests: list[str]) -> None:
    for digest in digests:
        with transaction.atomic():
            # Whoever sends the same bytes at this moment waits, and then keeps what they sent.
            row = StoredBytes.objects.select_for_update().get(pk=digest)
            if row.removed_at is not None:
                the_store().remove(digest)
