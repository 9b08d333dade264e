"""The books and the store compared by digest, both ways: what is missing, what is extra, what is damaged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from apps.audit.errors import NotFound, Refused
from apps.inventory.models import Blob, StoredBytes
from apps.inventory.store import Entry, Unreachable, the_store

# What was put a moment ago has its row in a moment.
SETTLED = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the comparison of the books with the store found."""

    sound: int
    missing: list[str]
    extra: list[Entry]
    wrong_size: list[str]
    damaged: list[str]
    read: bool

    @property
    def ok(self) -> bool:
        return not (self.missing or self.extra or self.wrong_size or self.damaged)


def is_old(entry: Entry) -> bool:
    """Whether it lies there so long that no row will come any more."""
    return entry.modified < timezone.now() - SETTLED


def compared(*, read: bool = False) -> Compared:
    """Compare every row with every file; with `read` all bytes are hashed once more."""
    kept = dict(Blob.objects.filter(kept__removed_at__isnull=True).values_list("pk", "size"))
    found = list(the_store().entries())
    sizes = {entry.digest: entry.size for entry in found if entry.digest}
    absent = set(kept) - set(sizes)
    there = [digest for digest in sorted(kept) if digest in sizes]
    wrong = [digest for digest in there if sizes[digest] != kept[digest]]
    return Compared(
        sound=len(there) - len(wrong),
        missing=sorted(absent - _removed_meanwhile(absent)),
        extra=_extra(found, set(kept)),
        wrong_size=wrong,
        damaged=[digest for digest in there if digest not in wrong and _damaged(digest)] if read else [],
        read=read,
    )


def _extra(found: list[Entry], kept: set[str]) -> list[Entry]:
    unknown = [entry for entry in found if entry.digest not in kept and is_old(entry)]
    now_kept = StoredBytes.objects.filter(removed_at__isnull=True, pk__in=[entry.digest for entry in unknown])
    came = set(now_kept.values_list("pk", flat=True))
    return [entry for entry in unknown if entry.digest not in came]


def _removed_meanwhile(missing: set[str]) -> set[str]:
    rows = StoredBytes.objects.filter(pk__in=missing, removed_at__isnull=False)
    return set(rows.values_list("pk", flat=True))


def _damaged(digest: str) -> bool:
    try:
        with the_store().open(digest):
            return False
    except Unreachable:
        raise
    except NotFound:
        return False  # removed meanwhile
    except Refused:
        return True
