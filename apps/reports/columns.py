"""The columns of a list that can be taken away as a file, and for whom its people are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from apps.access.models import Person
from apps.inventory.listed import OwnerShown

Get = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name and how a row gives its value; a person is named or numbered by the reader."""

    name: str
    get: Get


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a list."""

    name: str
    columns: tuple[Column, ...]

    @property
    def head(self) -> list[str]:
        return [column.name for column in self.columns]

    def cells(self, row: Any, *, named: bool) -> Sequence[Any]:
        """A row's values; people by their user names, or where `named` is false by number alone."""
        return [_person(column.get(row), named=named) for column in self.columns]


def _person(value: Any, *, named: bool) -> Any:
    if isinstance(value, OwnerShown):  # as lists show somebody: without a number to stand for the name
        return value.username if named else None
    if not isinstance(value, Person):
        return value
    return value.username if named else f"person {value.pk}"


def _part(row: Any, name: str) -> Any:
    if isinstance(row, dict):
        return row.get(name)
    if isinstance(row, list):
        return row[int(name)] if name.isdigit() and int(name) < len(row) else None
    return getattr(row, name, None)


def _follow(path: str) -> Get:
    """The value at the end of dotted names; None as soon as one of them is not there."""
    names = path.split(".")

    def get(row: Any) -> Any:
        for name in names:
            row = _part(row, name)
            if row is None:
                return None
        return row

    return get


def table(name: str, *columns: str, **more: Get) -> Table:
    """A table from `name` or `name=path` for each column."""
    return Table(name, (*_columns(columns), *(Column(key, get) for key, get in more.items())))


def _columns(told: Sequence[str]) -> Iterator[Column]:
    for text in told:
        name, _, path = text.partition("=")
        yield Column(name, _follow(path or name))
