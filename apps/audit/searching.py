"""Events found by filters, newest first, in as much time whatever a log holds.

Each filter has an index in the order of time. The one that fits fewest events leads; of the events it gives
so many at most are held against the other filters, and a page may then be short, or empty, and go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from apps.audit.errors import Invalid
from apps.audit.events import EventName

# As many events are looked at for one page, few at first; so many of a way are counted to choose one.
LOOKED = (1_000, 5_000)
COUNTED = 1_000
# As many names as may begin alike before their events are sought one by one.
NAMES = 60
# As many characters of an object's name as its index holds.
NAMED = 100

_NAME = f"left(lower(doc #>> '{{object,name}}'), {NAMED})"
_REQUEST = "(doc ->> 'request_id')"
_NEWEST = "ORDER BY occurred_at DESC, id DESC"
_TOLD = "id, occurred_at, action, actor_id, object_type, object_id, doc"
# One name after the other, each by one look into the index.
_NAMES = f"""
WITH RECURSIVE names AS (
  (SELECT {_NAME} AS name FROM audit_event WHERE {_NAME} LIKE %(like)s
   ORDER BY {_NAME} USING ~<~ LIMIT 1)
  UNION ALL
  SELECT (SELECT {_NAME} FROM audit_event WHERE {_NAME} LIKE %(like)s AND {_NAME} ~>~ names.name
          ORDER BY {_NAME} USING ~<~ LIMIT 1)
  FROM names WHERE names.name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL LIMIT %(most)s
"""  # noqa: S608 - every part is this module's own


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ends: everything that is newer was looked at."""

    at: datetime
    event: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.event}"

    @classmethod
    def read(cls, text: str) -> Position:
        at, _, key = text.partition("~")
        try:
            return cls(datetime.fromisoformat(at.replace(" ", "+")), UUID(key))
        except ValueError:
            raise Invalid("The cursor is not one that this list gave.", field="cursor") from None


@dataclass(frozen=True, slots=True)
class Found:
    """Events of a page, newest first, and where the next one begins."""

    ids: list[UUID]
    next: Position | None


@dataclass(frozen=True, slots=True)
class _Way:
    """A column whose index holds events in the order of time, and the values looked up in it."""

    column: str
    values: Sequence[str]

    def sql(self, told: str, bounds: _Bounds, end: str) -> tuple[str, list[Any]]:
        led = f"{self.column} = w.value" if self.column else "true"
        one = f"SELECT {told} FROM audit_event WHERE {led} AND {bounds.sql} {_NEWEST} {end}"  # noqa: S608
        if not self.column:
            return f"({one})", bounds.values
        sql = f"(SELECT one.* FROM unnest(%s::text[]) AS w (value) CROSS JOIN LATERAL ({one}) AS one)"  # noqa: S608
        return sql, [list(self.values), *bounds.values]

    def count(self) -> int:
        """How many events it leads to, up to a bound."""
        one = f"SELECT 1 FROM audit_event WHERE {self.column} = ANY(%s) LIMIT {COUNTED}"  # noqa: S608
        return int(_rows(f"SELECT count(*) FROM ({one}) AS few", [list(self.values)])[0][0])  # noqa: S608


_NEWEST_FIRST = _Way("", ("",))


@dataclass(slots=True)
class _Bounds:
    """Conditions and their values."""

    parts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, part: str, *values: Any) -> None:
        self.parts.append(part)
        self.values += values

    @property
    def sql(self) -> str:
        return " AND ".join(self.parts) or "true"


def search(filters: Mapping[str, str], after: str | None, size: int) -> Found:
    """Up to `size` events that fit every filter, from a position on."""
    ways = _ways(filters)
    name = min(ways, key=lambda name: sum(w.count() for w in ways[name])) if len(ways) > 1 else "".join(ways)
    rest = _rest(filters, leading=name)
    place = Position.read(after) if after else None
    ids: list[UUID] = []
    for looked in LOOKED:
        found = _look(
            ways.get(name) or [_NEWEST_FIRST], _bounds(filters, place), rest, size - len(ids), looked
        )
        ids, place = [*ids, *found.ids], found.next
        if len(ids) == size or place is None:
            break
    return Found(ids, place)


def _bounds(filters: Mapping[str, str], place: Position | None) -> _Bounds:
    bounds = _times(filters)
    if place is not None:
        # The first condition is the one that an index serves; the second settles ties.
        bounds.add("occurred_at <= %s", place.at)
        bounds.add("(occurred_at < %s OR id < %s)", place.at, place.event)
    return bounds


def _look(ways: list[_Way], bounds: _Bounds, rest: _Bounds, size: int, looked: int) -> Found:
    share = max(looked // sum(len(way.values) for way in ways), size + 1) if rest.parts else size + 1
    source, values = _union(ways, _TOLD, bounds, f"LIMIT {share}")
    sql = f"SELECT id, occurred_at FROM ({source}) AS looked WHERE {rest.sql} {_NEWEST} LIMIT {share}"  # noqa: S608
    found = list({key: Position(at, key) for key, at in _rows(sql, [*values, *rest.values])}.values())
    # Of several ways one may end before the others: what is older than its end is left to the next page.
    partial = rest.parts and (len(found) <= size or len(ways) + len(ways[0].values) > 2)
    edge = _edge(ways, bounds, share) if partial else None
    seen = [one for one in found if edge is None or (one.at, one.event) >= (edge.at, edge.event)]
    ids = [one.event for one in seen[:size]]
    return Found(ids, seen[size - 1] if len(seen) > size else edge)


def _edge(ways: list[_Way], bounds: _Bounds, share: int) -> Position | None:
    """How far back everything was looked at; None where nothing is older."""
    source, values = _union(ways, "occurred_at, id", bounds, f"OFFSET {share - 1} LIMIT 1")
    edges = _rows(f"SELECT occurred_at, id FROM ({source}) AS edges {_NEWEST} LIMIT 1", values)  # noqa: S608
    return Position(*edges[0]) if edges else None


def _union(ways: Iterable[_Way], told: str, bounds: _Bounds, end: str) -> tuple[str, list[Any]]:
    parts = [way.sql(told, bounds, end) for way in ways]
    return " UNION ALL ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]


def _ways(filters: Mapping[str, str]) -> dict[str, list[_Way]]:
    """By the name of each filter, how it leads to events in the order of time."""
    columns = {"request": _REQUEST, "actor": "actor_id", "type": "object_type"}
    ways = {name: [_Way(column, (filters[name],))] for name, column in columns.items() if filters.get(name)}
    if filters.get("action"):
        ways["action"] = [_Way("action", _actions(filters["action"]))]
    names = _names(filters["object"]) if filters.get("object") else None
    if names is not None:
        ways["object"] = [_Way("object_id", (filters["object"],)), _Way(_NAME, names)]
    return ways


def _rest(filters: Mapping[str, str], *, leading: str) -> _Bounds:
    rest = _Bounds()
    columns = {"request": _REQUEST, "actor": "actor_id", "type": "object_type"}
    for name in sorted(set(filters) - {leading}):
        if name in columns and filters[name]:
            rest.add(f"{columns[name]} = %s", filters[name])
    if filters.get("action") and leading != "action":
        rest.add("action = ANY(%s)", list(_actions(filters["action"])))
    if filters.get("object") and leading != "object":
        rest.add(f"(object_id = %s OR {_NAME} LIKE %s)", filters["object"], _like(filters["object"]))
    return rest


def _actions(action: str) -> tuple[str, ...]:
    """One action, or every action of a noun, as ``run.``"""
    if action.endswith("."):
        return tuple(str(name) for name in EventName if name.startswith(action)) or (action,)
    return (action,)


def _names(word: str) -> list[str] | None:
    """The names that begin so; None where they are too many."""
    found = _rows(_NAMES, {"like": _like(word), "most": NAMES + 1})
    return [name for (name,) in found] if len(found) <= NAMES else None


def _like(word: str) -> str:
    begins = word.lower()[:NAMED]
    for sign in ("\\", "%", "_"):
        begins = begins.replace(sign, "\\" + sign)
    return begins + "%"


def _times(filters: Mapping[str, str]) -> _Bounds:
    bounds = _Bounds()
    if filters.get("from"):
        bounds.add("occurred_at >= %s", _midnight(filters["from"], "from"))
    if filters.get("to"):
        bounds.add("occurred_at < %s", _midnight(filters["to"], "to") + timedelta(days=1))
    return bounds


def _midnight(text: str, name: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise Invalid(f"“{text}” is no day; write it as 2027-03-31.", field=name) from None


def _rows(sql: str, values: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
