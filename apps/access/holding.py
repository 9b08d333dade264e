"""Legal holds as people read them: who placed each, who ended it, and whether it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from apps.access.guards import may, require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit.errors import NotFound
from apps.audit.holds import find_hold, standing_holds
from apps.audit.models import HoldRelease, LegalHold

# As many ended holds as are told.
ENDED = 50


@dataclass(frozen=True, slots=True)
class HoldLine:
    """One hold; without a release it stands, and so it does under a release that nobody signed."""

    hold: LegalHold
    placed_by: str
    stands: bool
    release: HoldRelease | None
    released_by: str


def may_see_holds(by: Person) -> None:
    """Forbidden for whoever neither places holds nor reads the trail."""
    if not may(by, Permission.HOLD_MANAGE):
        require(by, Permission.EVENT_SEE)


def hold_seen(by: Person, hold_id: UUID) -> LegalHold:
    """A hold, for whoever may see holds; for everybody else there is none."""
    if not (may(by, Permission.HOLD_MANAGE) or may(by, Permission.EVENT_SEE)):
        raise NotFound(f"There is no legal hold {hold_id}.")
    require(by, Permission.HOLD_MANAGE)
    return find_hold(hold_id)


def holds_told(by: Person) -> list[HoldLine]:
    """Every hold that stands, then the newest of those that ended."""
    may_see_holds(by)
    standing = standing_holds()
    ended = LegalHold.objects.exclude(pk__in=[hold.pk for hold in standing]).select_related("release")
    rows = [*standing, *ended[:ENDED]]
    releases = {row.pk: row.release for row in ended[:ENDED]}
    names = _names([row.placed_by for row in rows] + [one.released_by for one in releases.values()])
    return [_line(row, releases.get(row.pk), names) for row in rows]


def _line(hold: LegalHold, release: HoldRelease | None, names: dict[str, str]) -> HoldLine:
    ender = names.get(release.released_by, "") if release else ""
    return HoldLine(hold, names.get(hold.placed_by, hold.placed_by), release is None, release, ender)


def _names(numbers: Iterable[str]) -> dict[str, str]:
    """Holds keep people as numbers in text."""
    known = {number for number in numbers if number.isascii() and number.isdigit()}
    return {str(pk): name for pk, name in Person.objects.filter(pk__in=known).values_list("pk", "name")}
