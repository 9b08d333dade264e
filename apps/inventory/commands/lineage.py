"""Edges between what feeds and what is fed: told by people, or by the systems that move the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from apps.access.guards import require, require_anywhere
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.inventory import lineage, queries
from apps.inventory.lineage import Line, Thing
from apps.inventory.models import LineageEdge, LineageEvent, LineageNode
from apps.inventory.states import EdgeKind, NodeKind

MOST = 500
PEOPLE = "person"
_LOCK = 0x6C696E65  # "line"


@dataclass(frozen=True, slots=True)
class Taken:
    """What was told, whether it was new, and the edges that came of it."""

    row: LineageEvent
    new: bool
    edges: Sequence[LineageEdge] = ()


@transaction.atomic
def state_edge(
    *, by: Person, kind: str, upstream: Thing, downstream: Thing, source: str = PEOPLE
) -> LineageEdge:
    """Say that one thing feeds another; one that would close a cycle is refused, naming both.

    The same again is the edge that stands.
    """
    told = lineage.line(kind, upstream, downstream)
    _permitted(by, told)
    _alone()
    row = _edge(told)
    if row is not None:
        return row
    above, below = _node(told.upstream), _node(told.downstream)
    if lineage.feeds_already(below, above):
        raise Refused(
            f"{below} feeds {above} already: with this edge they would feed each other.", code="cycle"
        )
    made = LineageEdge.objects.create(
        kind=told.kind, upstream=above, downstream=below, source=source, stated_by=by
    )
    audit.record(by=by, action=EventName.LINEAGE_STATED, subject=made, after=_plain(told))
    return made


@transaction.atomic
def end_edge(*, by: Person, edge: LineageEdge, reason: str) -> LineageEdge:
    """Say that an edge no longer holds, or never did, and why."""
    told = Line(
        kind=EdgeKind(edge.kind),
        upstream=lineage.named(edge.upstream),
        downstream=lineage.named(edge.downstream),
    )
    _permitted(by, told)
    _alone()
    if _edge(told) is None:
        raise Refused("This edge was ended before.")
    ended = LineageEdge.objects.create(
        kind=edge.kind,
        upstream=edge.upstream,
        downstream=edge.downstream,
        holds=False,
        source=PEOPLE,
        reason=required(reason, field="reason", longest=2000),
        stated_by=by,
    )
    audit.record(
        by=by, action=EventName.LINEAGE_ENDED, subject=ended, before=_plain(told), after={}, reason=reason
    )
    return ended


@transaction.atomic
def take_lineage(
    *,
    by: Person,
    source: str,
    key: str,
    digest: str,
    lines: Sequence[Line],
    about: Mapping[str, Any] | None = None,
    happened_at: datetime | None = None,
) -> Taken:
    """Keep what a system tells of lineage, once by its id; what closes a cycle is kept and marked as such.

    The same id with other bytes is refused.
    """
    if len(lines) > MOST:
        raise Invalid(f"One event tells {len(lines):,} edges; at most {MOST} are taken in.", field="inputs")
    require_anywhere(by, Permission.VERSION_REGISTER)
    for one in lines:
        _permitted(by, one)
    _alone()
    known = LineageEvent.objects.filter(stated_by=by, source=source, key=key).first()
    if known is not None:
        if known.digest != digest:
            raise Refused(
                "An event of this id was taken in before, and said something else.", code="key_reused"
            )
        return Taken(known, new=False)
    row = LineageEvent.objects.create(
        source=source,
        key=key,
        digest=digest,
        about=dict(about or {}),
        happened_at=happened_at,
        stated_by=by,
    )
    edges = [made for one in dict.fromkeys(lines) if (made := _told(by, row, one)) is not None]
    after = {
        "edges": len(edges),
        "cycles": [str(edge)[:600] for edge in edges if edge.closes_cycle][:20],
        "told": [_words(one) for one in lines][:50],
    }
    audit.record(by=by, action=EventName.LINEAGE_TAKEN, subject=row, after=after)
    return Taken(row, new=True, edges=edges)


def _told(by: Person, row: LineageEvent, one: Line) -> LineageEdge | None:
    """A new edge of an event; None where it is known."""
    if _edge(one) is not None:
        return None
    above, below = _node(one.upstream), _node(one.downstream)
    return LineageEdge.objects.create(
        kind=one.kind,
        upstream=above,
        downstream=below,
        closes_cycle=lineage.feeds_already(below, above),
        source=row.source,
        event=row,
        stated_by=by,
    )


def _permitted(by: Person, told: Line) -> None:
    """Who registers versions of what is fed may say what feeds it; every model named must be seen."""
    versions = [
        queries.find_version(by, end.name, end.label)
        for end in (told.downstream, told.upstream)
        if end.kind == NodeKind.MODEL_VERSION
    ]
    if versions:
        require(by, Permission.VERSION_REGISTER, versions[0].model)
    else:
        require_anywhere(by, Permission.VERSION_REGISTER)


def _alone() -> None:
    """Until the transaction ends nobody else adds an edge: two could close a cycle unseen."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_LOCK])


def _edge(told: Line) -> LineageEdge | None:
    """The edge that stands between these two."""
    found = {f"upstream__{name}": value for name, value in _parts(told.upstream).items()}
    found |= {f"downstream__{name}": value for name, value in _parts(told.downstream).items()}
    return lineage.edges_in_force().filter(kind=told.kind, **found).first()


def _node(one: Thing) -> LineageNode:
    return LineageNode.objects.get_or_create(**_parts(one))[0]


def _parts(one: Thing) -> dict[str, Any]:
    return {"kind": one.kind, "namespace": one.namespace, "name": one.name, "label": one.label}


def _plain(told: Line) -> dict[str, Any]:
    return {"kind": told.kind, "upstream": _parts(told.upstream), "downstream": _parts(told.downstream)}


def _words(told: Line) -> str:
    ends = (f"{one.kind} {one.name}{'@' if one.label else ''}{one.label}" for one in _ends(told))
    return f" {told.kind} ".join(ends)[:300]


def _ends(told: Line) -> tuple[Thing, Thing]:
    return told.upstream, told.downstream
