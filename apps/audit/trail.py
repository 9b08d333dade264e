"""The trail as people read it page by page, and whether sealed facts are genuine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.audit.errors import Invalid
from apps.audit.models import Event, Statement
from apps.audit.queries import envelope, event, inclusion, keys, told
from apps.engine.errors import Problem
from apps.engine.keys import KeySet
from apps.engine.merkle import leaf_hash
from apps.engine.note import Checkpoint
from apps.engine.statement import verify

PAGE = 100


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event as a line of the trail: names filled in, its exact bytes as text, its index."""

    id: UUID
    action: str
    occurred_at: datetime
    actor_id: str
    actor_name: str
    object_id: str
    object_name: str
    index: int | None
    text: str


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events newest first, and the cursor of the next page."""

    rows: list[EventLine]
    next: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands in the log, with its proof as text."""

    index: int
    size: int
    leaf: str
    text: str


def lines(found: Iterable[Event]) -> list[EventLine]:
    """Events as lines of the trail."""
    return [
        EventLine(
            id=one.event.pk,
            action=one.event.action,
            occurred_at=one.event.occurred_at,
            actor_id=one.event.actor_id,
            actor_name=one.actor,
            object_id=one.event.object_id,
            object_name=one.object,
            index=one.index,
            text=bytes(one.event.body).decode(),
        )
        for one in told(found)
    ]


def event_page(filters: Mapping[str, str], after: str | None) -> EventPage:
    """One page of the trail; `filters` are action, object, actor, from and to."""
    rows = Event.objects.filter(_narrow(filters))
    if after:
        at, key = _cursor(after)
        rows = rows.filter(Q(occurred_at__lt=at) | Q(occurred_at=at, pk__lt=key))
    found = list(rows.order_by("-occurred_at", "-pk")[: PAGE + 1])
    shown = found[:PAGE]
    more = len(found) > PAGE
    return EventPage(lines(shown), f"{shown[-1].occurred_at.isoformat()}~{shown[-1].pk}" if more else None)


def _narrow(filters: Mapping[str, str]) -> Q:
    wanted = Q()
    if filters.get("action"):
        wanted &= Q(action=filters["action"])
    if filters.get("actor"):
        wanted &= Q(actor_id=filters["actor"])
    if filters.get("object"):
        word = filters["object"]
        wanted &= Q(object_id=word) | Q(doc__object__name__icontains=word)
    if filters.get("from"):
        wanted &= Q(occurred_at__gte=_midnight(filters["from"], "from"))
    if filters.get("to"):
        wanted &= Q(occurred_at__lt=_midnight(filters["to"], "to") + timedelta(days=1))
    return wanted


def _midnight(text: str, name: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise Invalid(f"“{text}” is no day; write it as 2027-03-31.", field=name) from None


def _cursor(text: str) -> tuple[datetime, UUID]:
    at, _, key = text.partition("~")
    try:
        return datetime.fromisoformat(at.replace(" ", "+")), UUID(key)
    except ValueError:
        raise Invalid("The cursor is not one that this list gave.", field="cursor") from None


def event_line(event_id: UUID) -> EventLine:
    """One event; NotFound when there is none."""
    return lines([event(event_id)])[0]


def place_of(event_id: UUID) -> Place | None:
    """Where the event stands under the newest checkpoint; None while it waits for the sequencer."""
    proof = inclusion(event_id)
    if proof is None:
        return None
    size = Checkpoint.parse(proof.checkpoint.decode().partition("\n\n")[0] + "\n").size
    return Place(proof.index, size, leaf_hash(proof.extra).hex(), proof.to_bytes().decode())


def contents(digests: Iterable[str]) -> dict[str, dict[str, Any]]:
    """By its digest, what each statement says, of those whose signature holds under a key that counted."""
    rows = Statement.objects.filter(pk__in=set(digests)).select_related("event")
    trusted = keys() if rows else KeySet(())
    read = {row.pk: _content(row, trusted) for row in rows}
    return {digest: content for digest, content in read.items() if content is not None}


def _content(row: Statement, trusted: KeySet) -> dict[str, Any] | None:
    try:
        return verify(envelope(row), trusted, logged_at=row.event.recorded_at or row.event.occurred_at)
    except Problem:
        return None
