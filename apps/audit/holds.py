"""Legal holds: what may not be removed, whatever else would allow it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from apps.audit.errors import NotFound, Refused
from apps.audit.models import LegalHold
from apps.audit.trail import contents

HOLD = "https://countersign.dev/legal-hold/v1"
RELEASE = "https://countersign.dev/hold-release/v1"


def standing_holds() -> list[LegalHold]:
    """Every hold without a genuine release: a row that nobody signed releases nothing."""
    rows = list(LegalHold.objects.select_related("release"))
    releases = {row.pk: row.release for row in rows if hasattr(row, "release")}
    signed = contents(release.statement_digest for release in releases.values())
    return [row for row in rows if row.pk not in releases or not _released(row, signed)]


def _released(hold: LegalHold, signed: dict[str, dict[str, object]]) -> bool:
    said = signed.get(hold.release.statement_digest, {})
    predicate = said.get("predicate")
    return (
        said.get("predicateType") == RELEASE
        and isinstance(predicate, dict)
        and predicate.get("hold") == str(hold.pk)
        and predicate.get("releasedBy") not in (None, hold.placed_by)
    )


def find_hold(hold_id: UUID | str) -> LegalHold:
    """The hold, or NotFound."""
    try:
        found = LegalHold.objects.filter(pk=UUID(str(hold_id))).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound(f"There is no legal hold {hold_id}.")
    return found


def covers(hold: LegalHold, *, model: str, first: date, last: date | None) -> bool:
    """Whether a hold covers a thing of a model that was in use in this span; without an end, until today."""
    if hold.model and hold.model != model:
        return False
    if hold.first_day is None or hold.last_day is None:
        return True
    return first <= hold.last_day and (last is None or last >= hold.first_day)


def refuse_held(
    *, model: str, first: date, last: date | None, holds: Iterable[LegalHold] | None = None
) -> None:
    """Refused while a hold covers the thing, with the hold's reason; ask before anything is removed."""
    for hold in standing_holds() if holds is None else holds:
        if covers(hold, model=model, first=first, last=last):
            raise Refused(f"A legal hold covers {hold}: {hold.reason}", code="held")
