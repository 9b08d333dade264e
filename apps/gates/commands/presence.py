"""Workers that say they are here: rows that tell nothing of models, so nothing is kept of those that left."""

from __future__ import annotations

from collections.abc import Iterable

from apps.audit.states import Acting
from apps.gates.clock import database_now
from apps.gates.models import Presence
from apps.gates.pacing import FORGET


def note_worker(*, by: Acting, name: str, lanes: Iterable[str], processes: int) -> None:
    """A worker is here, for these lanes; those of which nothing was heard for a day are forgotten."""
    now = database_now()
    Presence.objects.update_or_create(
        name=name[:200],
        defaults={"lanes": sorted(lanes), "processes": processes, "seen_at": now},
        create_defaults={"lanes": sorted(lanes), "processes": processes, "seen_at": now, "begun_at": now},
    )
    Presence.objects.filter(seen_at__lt=now - FORGET).delete()


def forget_worker(*, by: Acting, name: str) -> None:
    """A worker that is shut down is here no longer."""
    Presence.objects.filter(name=name[:200]).delete()
