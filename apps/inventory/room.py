"""How much is kept, and whether more fits: quotas of business units and of everybody together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from apps.access.guards import may
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit.errors import Invalid, Refused
from apps.inventory.models import Blob, BusinessUnit, ModelVersion, Quota, StoredBytes, Upload
from apps.inventory.retention import BOOKS, relations

LONGEST_LIST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Bytes kept and promised to open uploads, of a unit or (without one) of everybody."""

    unit: BusinessUnit | None
    kept: int
    promised: int
    files: int
    quota: int

    @property
    def share(self) -> float | None:
        """Of the quota; None where there is none."""
        return (self.kept + self.promised) / self.quota if self.quota else None

    @property
    def percent(self) -> int | None:
        return None if self.share is None else round(self.share * 100)

    def has_room(self, size: int) -> bool:
        return not self.quota or self.kept + self.promised + size <= self.quota


def quota_of(unit: BusinessUnit | None) -> int:
    """The limit in force in bytes; 0 for none."""
    newest = Quota.objects.filter(unit=unit).order_by("-set_at", "-id").first()
    if newest is not None:
        return newest.bytes
    return int(settings.STORE_QUOTA if unit is None else settings.UNIT_QUOTA)


def usage_of(unit: BusinessUnit | None, *, without: Upload | None = None) -> Usage:
    """What a unit keeps by now, or everybody; `without` leaves out an upload that is being completed."""
    blobs = kept_blobs().filter(units__unit=unit) if unit is not None else kept_blobs()
    uploads = open_uploads().filter(unit=unit) if unit is not None else open_uploads()
    if without is not None:
        uploads = uploads.exclude(pk=without.pk)
    return Usage(
        unit=unit,
        kept=blobs.aggregate(total=Sum("size"))["total"] or 0,
        promised=uploads.aggregate(total=Sum("size"))["total"] or 0,
        files=blobs.count(),
        quota=quota_of(unit),
    )


def usages() -> list[Usage]:
    """Everybody's first, then every unit's."""
    units: Iterable[BusinessUnit] = BusinessUnit.objects.order_by("key")[:LONGEST_LIST]
    return [usage_of(None), *(usage_of(unit) for unit in units)]


def kept_blobs() -> QuerySet[Blob]:
    """Blobs whose bytes the store holds, as far as the books say."""
    return Blob.objects.filter(kept__removed_at__isnull=True, kept__isnull=False)


def open_uploads() -> QuerySet[Upload]:
    """Uploads that may still be gone on with."""
    return Upload.objects.filter(complete=False, expires_at__gt=timezone.now())


def still_kept(digests: Iterable[str]) -> None:
    """Refused, by name, for bytes that were removed meanwhile; those that are there stay until the end."""
    wanted = set(digests)
    rows = StoredBytes.objects.select_for_update().filter(pk__in=wanted, removed_at__isnull=True)
    held = set(rows.order_by("pk").values_list("pk", flat=True))
    if gone := sorted(wanted - held):
        raise Refused(f"The bytes {gone[0]} were removed from the store; upload them again.", code="gone")


def refuse_full(unit: BusinessUnit | None, size: int, *, without: Upload | None = None) -> None:
    """Refused where so many more bytes do not fit the unit's quota or everybody's."""
    for usage in (usage_of(each, without=without) for each in ((unit, None) if unit else (None,))):
        if not usage.has_room(size):
            raise Refused(_full(usage, size), code="over_quota")


def _full(usage: Usage, size: int) -> str:
    whose = f"the unit {usage.unit.key}" if usage.unit else "the whole installation"
    promised = f" and {usage.promised:,} promised to open uploads" if usage.promised else ""
    return (
        f"{size:,} bytes do not fit: {whose} keeps {usage.kept:,} bytes{promised} of {usage.quota:,}. "
        "An administrator sets the quota; bytes that no version names are removed "
        f"after {settings.UNREFERENCED_DAYS} days."
    )


def unit_of(by: Person, named: str) -> BusinessUnit | None:
    """The unit whose quota an upload counts to: the one named, else the only one of the person."""
    if named:
        unit = BusinessUnit.objects.filter(key=named).first()
        if unit is None or not may(by, Permission.VERSION_REGISTER, unit):
            raise Invalid(f'You register no versions in a business unit "{named[:80]}".', field="unit")
        return unit
    found = [u for u in BusinessUnit.objects.order_by("key")[:50] if may(by, Permission.VERSION_REGISTER, u)]
    return found[0] if len(found) == 1 else None


def unreferenced(before: datetime) -> QuerySet[Blob]:
    """Bytes that people handed in before that time and that no fact names: only the books speak of them."""
    rows = kept_blobs().filter(kept__kept_at__lt=before, possessions__isnull=False).distinct()
    rows = rows.exclude(pk__in=ModelVersion.objects.values("manifest_digest"))
    for relation in relations(BOOKS):
        field = relation.field
        named = relation.related_model._base_manager.filter(~Q(**{field.name: None}))
        rows = rows.exclude(pk__in=named.values(field.attname))
    return rows.order_by("pk")


def loose(by: Person) -> list[Blob]:
    """Newest first, what the person handed in and no version names; `goes` is when it is removed."""
    now = timezone.now()
    rows = unreferenced(now).filter(possessions__person__identity=by.identity).select_related("kept")
    found = list(rows.order_by("-kept__kept_at", "pk")[:50])
    for blob in found:
        blob.goes = blob.kept.kept_at + timedelta(days=settings.UNREFERENCED_DAYS)  # type: ignore[attr-defined]
    return found
