"""The rows of the lists of this app that can be taken away as files, of models one may export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from apps.access.guards import may
from apps.access.models import Person
from apps.access.queries import models_with
from apps.access.states import Permission
from apps.deploys import experiments, glass
from apps.deploys.models import Admission
from apps.deploys.queries import decision_feed
from apps.deploys.running import reported

Filters = Mapping[str, str]


def _admissions(by: Person, filters: Filters) -> Iterator[Admission]:
    found = decision_feed(by, filters, None)
    yield from found.rows
    while found.next is not None:
        found = decision_feed(by, filters, found.next)
        yield from found.rows


_ROWS: Mapping[str, tuple[Callable[[Person, Filters], Iterable[Any]], str]] = {
    "admissions": (_admissions, "model_key"),
    "break-glass": (lambda by, _: glass.visible(by).iterator(chunk_size=1_000), "version.model.key"),
    "experiments": (lambda by, _: experiments.visible(by).iterator(chunk_size=1_000), "champion.model.key"),
    "deployments": (lambda by, _: reported(by).iterator(chunk_size=1_000), "model_key"),
}


def rows_of(name: str, by: Person, filters: Filters) -> Iterator[Any] | None:
    """The rows of a list of this app; None for a list of another."""
    if name not in _ROWS:
        return None
    rows, path = _ROWS[name]
    if may(by, Permission.EXPORT_MAKE):
        return iter(rows(by, filters))
    own = set(models_with(by, Permission.EXPORT_MAKE).values_list("key", flat=True))
    return (row for row in rows(by, filters) if _named(row, path) in own)


def _named(row: Any, path: str) -> str:
    for name in path.split("."):
        row = getattr(row, name)
    return str(row)
