"""The rows of each list that can be taken away: the same that its page shows, of models one may export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Protocol

from django.db.models import QuerySet

from apps.access import overseeing
from apps.access.guards import may, require, require_anywhere
from apps.access.models import Person
from apps.access.queries import models_with, visible_grants, visible_people
from apps.access.states import Permission
from apps.approvals.challenges import visible_challenges
from apps.approvals.queries import (
    visible_approvals,
    visible_attestations,
    visible_documents,
    visible_findings,
    visible_signoffs,
    visible_waivers,
)
from apps.approvals.rounds import visible_rounds
from apps.audit.errors import Invalid
from apps.audit.trail import event_page
from apps.costs.statements import statement
from apps.gates.queries import released_policies, run_page, visible_decisions, visible_evidence
from apps.inventory.listed import Listed
from apps.inventory.listing import LONGEST_PAGE, model_page
from apps.inventory.queries import visible_uses, visible_versions
from apps.reports.queries import visible_reports
from apps.reports.tables import TABLES

Filters = Mapping[str, str]
Rows = Callable[[Person, Filters], Iterable[Any]]

FILTERS: Mapping[str, tuple[str, ...]] = {
    "models": ("q", "tier", "kind", "domain", "unit", "owner", "vendor"),
    "runs": ("state", "purpose"),
    "admissions": ("model", "environment", "outcome"),
    "events": ("action", "object", "actor", "from", "to"),
}
OF_PEOPLE = ("people", "grants", "tokens", "units")
_CHUNK = 1_000


def known_list(name: str) -> str:
    """The name of a list that there is."""
    if name not in TABLES:
        raise Invalid(f"There is no list “{name[:80]}”; there are {', '.join(TABLES)}.", field="list")
    return name


def known_filters(name: str, given: Mapping[str, str]) -> dict[str, str]:
    """What of the given values this list can be narrowed by."""
    return {key: given[key] for key in FILTERS.get(name, ()) if given.get(key)}


def may_take(by: Person, name: str) -> None:
    """Refused unless the person may export, and may see what this list holds."""
    if name in OF_PEOPLE and may(by, Permission.PERSON_MANAGE):
        return
    require_anywhere(by, Permission.EXPORT_MAKE)
    if name in OF_PEOPLE:
        require(by, Permission.EVENT_SEE)
    if name == "events":
        require(by, Permission.EVENT_SEE)
        require(by, Permission.EXPORT_MAKE)
    if name == "costs":
        require(by, Permission.COST_SEE)
        require(by, Permission.EXPORT_MAKE)


def rows_of(name: str, by: Person, filters: Filters) -> Iterable[Any]:
    """The rows of a list; those of deployments are given by who asks, since they stand beside this app."""
    return _ROWS[name](by, filters)


def exportable(by: Person, rows: QuerySet[Any], path: str) -> Iterator[Any]:
    """Rows of models that the person may export, read in parts."""
    if not may(by, Permission.EXPORT_MAKE):
        rows = rows.filter(**{f"{path}__in": models_with(by, Permission.EXPORT_MAKE)})
    return rows.iterator(chunk_size=_CHUNK)


class Page(Protocol):
    """Some rows of a list, and the cursor of those after them."""

    @property
    def rows(self) -> Sequence[Any]: ...

    @property
    def next(self) -> str | None: ...


def pages(page: Callable[[str | None], Page]) -> Iterator[Any]:
    """The rows of every page of a list, one page at a time."""
    found = page(None)
    yield from found.rows
    while found.next is not None:
        found = page(found.next)
        yield from found.rows


def _models(by: Person, filters: Filters) -> Iterator[Listed]:
    everywhere = may(by, Permission.EXPORT_MAKE)
    own = set() if everywhere else set(models_with(by, Permission.EXPORT_MAKE).values_list("pk", flat=True))
    found = pages(lambda cursor: model_page(by, filters, cursor, size=LONGEST_PAGE))
    return (row for row in found if everywhere or row.pk in own)


def _runs(by: Person, filters: Filters) -> Iterator[Any]:
    found = run_page(by, state=filters.get("state", ""), purpose=filters.get("purpose", ""))
    return exportable(by, found, "version__model")


_OF_SIGNOFF = ("person", "approval__version__model", "approval__use")
_ROWS: dict[str, Rows] = {
    "models": _models,
    "versions": lambda by, _: exportable(by, visible_versions(by), "model"),
    "runs": _runs,
    "decisions": lambda by, _: exportable(by, visible_decisions(by), "version__model"),
    "approvals": lambda by, _: exportable(by, visible_approvals(by), "version__model"),
    "findings": lambda by, _: exportable(by, visible_findings(by), "model"),
    "waivers": lambda by, _: exportable(by, visible_waivers(by), "version__model"),
    "reports": lambda by, _: exportable(by, visible_reports(by).select_related("made_by"), "version__model"),
    "uses": lambda by, _: exportable(by, visible_uses(by), "model"),
    "attestations": lambda by, _: exportable(by, visible_attestations(by), "model"),
    "documents": lambda by, _: exportable(by, visible_documents(by), "version__model"),
    "challenges": lambda by, _: exportable(by, visible_challenges(by), "model"),
    "costs": lambda by, _: statement(),
    "rounds": lambda by, _: visible_rounds(by).iterator(chunk_size=_CHUNK),
    "signoffs": lambda by, _: exportable(
        by, visible_signoffs(by).select_related(*_OF_SIGNOFF), "approval__version__model"
    ),
    "evidence": lambda by, _: exportable(
        by, visible_evidence(by).select_related("run__use"), "run__version__model"
    ),
    "policies": lambda by, _: released_policies().iterator(chunk_size=_CHUNK),
    "units": lambda by, _: (unit for unit, _ in overseeing.units_told()),
    "tokens": lambda by, _: overseeing.tokens(by).iterator(chunk_size=_CHUNK),
    "people": lambda by, _: visible_people(by).iterator(),
    "grants": lambda by, _: visible_grants(by).iterator(),
    "events": lambda _, filters: pages(lambda cursor: event_page(filters, cursor)),
}


class Parts:
    """A file in parts as it is sent; it is closed, and so gone, however the sending ends."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        while part := self._file.read(1 << 16):
            yield part
        self.close()

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self.close()
