"""Uploaded bytes that no version names are swept away after some days; quotas; the store put in order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.holds import covers, standing_holds
from apps.audit.models import LegalHold
from apps.audit.states import Acting
from apps.inventory import reconciling, room
from apps.inventory.commands.purging import mark_removed
from apps.inventory.models import Blob, BusinessUnit, Quota, RegisteredModel, StoredBytes
from apps.inventory.queries import builders_of
from apps.inventory.store import the_store

BATCH = 200
MOST = 1 << 60


def sweepable(now: datetime) -> list[Blob]:
    """What a sweep would remove: handed in long enough ago, named by no fact, under no hold."""
    before = now - timedelta(days=settings.UNREFERENCED_DAYS)
    holds = standing_holds()
    held = {hold.model: _builders(hold.model) for hold in holds if hold.model}
    return [blob for blob in room.unreferenced(before)[:BATCH] if not _held(blob, holds, held)]


def _builders(model: str) -> set[Any]:
    found = RegisteredModel.objects.filter(key=model).first()
    return set() if found is None else set(builders_of(found))


def _held(blob: Blob, holds: list[LegalHold], builders: dict[str, set[Any]]) -> bool:
    """Whether a hold speaks of the time, and of everything or of a model whose builders handed it in."""
    who = set(blob.possessions.values_list("person__identity", flat=True))
    return any(
        covers(hold, model=hold.model, first=blob.stored_at.date(), last=None)
        and (not hold.model or bool(who & builders[hold.model]))
        for hold in holds
    )


def sweep_blobs(*, by: Acting) -> list[Blob]:
    """Remove a batch of bytes that nothing names; one event tells how many, and which."""
    return _swept(by=by, found=sweepable(timezone.now()))


@transaction.atomic
def _swept(*, by: Acting, found: list[Blob]) -> list[Blob]:
    now = timezone.now()
    # Whoever registers a version of them holds their rows; those are named by then, or wait and are told.
    rows = StoredBytes.objects.select_for_update(skip_locked=True).filter(removed_at__isnull=True)
    locked = set(rows.filter(pk__in=[blob.pk for blob in found]).values_list("pk", flat=True))
    free = room.unreferenced(now - timedelta(days=settings.UNREFERENCED_DAYS)).filter(pk__in=locked)
    gone = list(free)
    if not gone:
        return []
    told = {"files": len(gone), "bytes": sum(blob.size for blob in gone)}
    audit.record(
        by=by,
        action=EventName.STORE_SWEPT,
        subject=gone[0],
        before=told,
        after={"files": 0, "bytes": 0, "digests": [blob.pk for blob in gone]},
        reason=f"No version names them, and they came more than {settings.UNREFERENCED_DAYS} days ago.",
    )
    mark_removed([blob.pk for blob in gone])
    return gone


@transaction.atomic
def set_quota(*, by: Person, size: int, unit: BusinessUnit | None = None, reason: str) -> Quota:
    """Say how many bytes a unit may keep, or everybody together; 0 is no limit."""
    require(by, Permission.STORAGE_MANAGE)
    said = required(reason, field="reason", lines=True)
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= MOST:
        raise Invalid(f"{str(size)[:40]} is no quota: a whole number of bytes, 0 for none.", field="bytes")
    before = room.quota_of(unit)
    quota = Quota.objects.create(unit=unit, bytes=size, set_by=by)
    audit.record(
        by=by,
        action=EventName.QUOTA_SET,
        subject=quota,
        before={"bytes": before},
        after={"bytes": size},
        reason=said,
    )
    return quota


@transaction.atomic
def remove_strays(*, by: Person, reason: str) -> list[str]:
    """Remove what lies in the store and no row speaks of, once it is an hour old; one event names it."""
    require(by, Permission.STORAGE_MANAGE)
    said = required(reason, field="reason", lines=True)
    found = reconciling.compared().extra
    if not found:
        raise Refused("Nothing lies in the store that no row speaks of.", code="nothing")
    audit.record(
        by=by,
        action=EventName.STORE_MENDED,
        subject=by,
        before={"files": len(found), "bytes": sum(entry.size for entry in found)},
        after={"files": 0, "bytes": 0, "places": [entry.place for entry in found][:1000]},
        reason=said,
    )
    places = [entry.place for entry in found]
    transaction.on_commit(lambda: _discard(places))
    return places


def _discard(places: list[str]) -> None:
    for place in places:
        the_store().discard(place)
