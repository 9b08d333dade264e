"""The trail as people read it page by page, and whether sealed facts are genuine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.audit.differences import Difference, differences
from apps.audit.models import Event, Statement
from apps.audit.queries import envelope, event, inclusion, keys, told
from apps.audit.searching import search
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
    object_type: str
    object_id: str
    object_name: str
    index: int | None
    text: str
    doc: Mapping[str, Any]
    on_behalf_of: str
    address: str

    @property
    def differences(self) -> list[Difference]:
        return differences(self.doc)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What else the record says, in words: how the actor signed in, why, by which policies."""
        auth = self.doc.get("actor", {}).get("auth", {})
        told = {
            "For": self.on_behalf_of,
            "From": self.address,
            "Signed in by": auth.get("method", ""),
            "Confirmed": f"{auth['age_s']} seconds before" if "age_s" in auth else "",
            "Second factor": {True: "yes", False: "no"}.get(auth.get("mfa"), ""),
            "Reason": self.doc.get("reason", ""),
            "Policies": ", ".join(self.doc.get("policies", [])),
            "Request": self.doc.get("request_id", ""),
        }
        return [(name, value) for name, value in told.items() if value]

    @property
    def previous(self) -> str | None:
        """The event before it of the same object; events of the first format do not say."""
        return self.doc.get("prev_object_event")


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events newest first, and the cursor of the next page, which may follow one that found nothing yet."""

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
            object_type=one.event.object_type,
            object_id=one.event.object_id,
            object_name=one.object,
            index=one.index,
            text=bytes(one.event.body).decode(),
            # The record itself: the column beside it only serves searches.
            doc=json.loads(bytes(one.event.body)),
            on_behalf_of=one.on_behalf_of,
            address=one.ip,
        )
        for one in told(found)
    ]


def event_page(filters: Mapping[str, str], after: str | None, *, size: int = PAGE) -> EventPage:
    """One page of the trail.

    `filters` are action (or the first word of several, as ``run.``), object (its id, or how its name
    begins), type, actor, request, from and to.
    """
    found = search(filters, after, size)
    rows = {row.pk: row for row in Event.objects.filter(pk__in=found.ids)}
    return EventPage(lines(rows[key] for key in found.ids), str(found.next) if found.next else None)


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
