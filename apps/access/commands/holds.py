"""Legal holds, placed and released by people of the right."""

from __future__ import annotations

from datetime import date

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.models import HoldRelease, LegalHold


def place_hold(
    *, by: Person, reason: str, model: str = "", first_day: date | None = None, last_day: date | None = None
) -> LegalHold:
    """Keep what the hold covers until another person releases it."""
    require(by, Permission.HOLD_MANAGE)
    return audit.place_hold(
        by=by,
        reason=required(reason, field="reason", lines=True),
        model=clean(model, field="model", longest=200),
        first_day=first_day,
        last_day=last_day,
    )


def release_hold(*, by: Person, hold: LegalHold, reason: str) -> HoldRelease:
    """End a hold that another human placed."""
    require(by, Permission.HOLD_MANAGE)
    placer = Person.objects.filter(pk=hold.placed_by).first()
    if placer is not None and placer.identity == by.identity:
        raise Refused("A legal hold is released by another person than who placed it.", code="same_person")
    return audit.release_hold(by=by, hold=hold, reason=required(reason, field="reason", lines=True))
