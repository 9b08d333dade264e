from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from apps.audit.commands.sealing import seal
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.holds import HOLD, RELEASE, standing_holds
from apps.audit.ids import uuid7
from apps.audit.models import HoldRelease, LegalHold
from apps.audit.states import Acting, Ref
from apps.engine.canonical import canonical, digest


@transaction.atomic
def place_hold(
    *, by: Acting, reason: str, model: str = "", first_day: date | None = None, last_day: date | None = None
) -> LegalHold:
    """Keep everything of a model, of a span of days, or of all; nobody removes it until it is released."""
    if not reason.strip():
        raise Invalid("A reason is needed to place a legal hold.", field="reason")
    if (first_day is None) != (last_day is None):
        raise Invalid("A span of days has a first and a last one.", field="last_day")
    if first_day and last_day and last_day < first_day:
        raise Invalid(f"{last_day} lies before {first_day}.", field="last_day")
    key, now, who = uuid7(), timezone.now(), by.audit_identity().id
    told = {"hold": str(key), "model": model, "firstDay": first_day, "lastDay": last_day}
    statement = seal(
        by=by,
        predicate_type=HOLD,
        subjects=[_named(str(key))],
        predicate={**told, "reason": reason.strip(), "placedBy": who},
        event=EventName.HOLD_PLACED,
        about=Ref("legal_hold", str(key), model or "everything"),
        reason=reason,
    )
    return LegalHold.objects.create(
        id=key,
        model=model,
        first_day=first_day,
        last_day=last_day,
        reason=reason.strip(),
        placed_by=who,
        placed_at=now,
        statement_digest=statement.digest,
    )


@transaction.atomic
def release_hold(*, by: Acting, hold: LegalHold, reason: str) -> HoldRelease:
    """End a hold that another person placed."""
    who = by.audit_identity().id
    if not reason.strip():
        raise Invalid("A reason is needed to release a legal hold.", field="reason")
    if who == hold.placed_by:
        raise Refused("A legal hold is released by another person than who placed it.", code="same_person")
    if hold.pk not in {row.pk for row in standing_holds()}:
        raise Refused("The legal hold was released before.")
    statement = seal(
        by=by,
        predicate_type=RELEASE,
        subjects=[_named(str(hold.pk))],
        predicate={"hold": str(hold.pk), "reason": reason.strip(), "releasedBy": who},
        event=EventName.HOLD_RELEASED,
        about=hold,
        reason=reason,
    )
    return HoldRelease.objects.create(
        hold=hold,
        placed_by=hold.placed_by,
        reason=reason.strip(),
        released_by=who,
        released_at=timezone.now(),
        statement_digest=statement.digest,
    )


def _named(key: str) -> Ref:
    return Ref("legal_hold", key, key, digest(canonical({"legal_hold": key})))
