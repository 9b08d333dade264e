"""What the openings of logs account for, when the whole log is examined."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.audit.anchors import epoch_of
from apps.audit.epochs import Opening, openings
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.models import Event
from apps.engine.note import Checkpoint


@dataclass(slots=True)
class Epochs:
    """The logs that were begun anew, by the events that opened them and by the file of the log's machine."""

    begun: list[Opening]
    faults: list[str]

    @classmethod
    def read(cls) -> Epochs:
        found = cls([], [])
        rows = Event.objects.filter(action=EventName.EPOCH_OPENED).order_by("leaf__idx")
        for event, idx, body in rows.values_list("pk", "leaf__idx", "body"):
            try:
                found._take(str(event), idx, json.loads(bytes(body)))
            except (KeyError, TypeError, ValueError):
                found.faults.append(f"The event {event}, which opens a log, cannot be read.")
        try:
            noted = {opening.event for opening in openings()}
        except Refused as error:
            found.faults.append(str(error))
            noted = set()
        for opening in found.begun:
            if opening.event not in noted:
                found.faults.append(
                    f"The log {opening.origin} was begun in the database, but not on the log's own machine."
                )
        return found

    def declared(self) -> list[str]:
        """What was lost, by whose word."""
        return [
            f"The log {o.origin} was begun by {o.proposed_by} and {o.confirmed_by}: {o.lost}."
            for o in self.begun
        ]

    def _take(self, event: str, idx: int | None, body: dict[str, Any]) -> None:
        opening = Opening(**body["after"], confirmed_by=body["actor"]["id"], event=event)
        if opening.proposed_by == opening.confirmed_by:
            self.faults.append(f"The log {opening.origin} was begun by one person alone.")
        if idx is not None and idx != opening.base:
            self.faults.append(f"The log {opening.origin} does not begin with the event that opened it.")
        self.begun.append(opening)

    def accounts_for(self, at: datetime) -> bool:
        """Whether an event of this time was lost with an old log: after what is left, before the new one."""
        return any(
            (left is None or left < at) and at < opened
            for left, opened in (self._window(opening) for opening in self.begun)
        )

    def _window(self, opening: Opening) -> tuple[datetime | None, datetime]:
        newest = Event.objects.filter(leaf__idx=opening.base - 1).values_list("occurred_at", flat=True)
        return newest.first(), Event.objects.get(pk=opening.event_id).occurred_at

    def _next(self, said: Checkpoint) -> Opening | None:
        later = [o for o in self.begun if o.number > epoch_of(said.origin)]
        return min(later, key=lambda o: (o.number, o.base), default=None)

    def lost(self, said: Checkpoint) -> bool:
        """Whether a checkpoint is of a part of an earlier log that a later one does not go on with."""
        following = self._next(said)
        return following is not None and said.size > following.base

    def goes_on(self, origin: str) -> bool:
        """Whether a later log says that it goes on with this one."""
        return any(opening.after_origin == origin for opening in self.begun)

    def undeclared(self, said: Checkpoint, where: str) -> Iterator[str]:
        """A fault where the opening of the next log does not account for this checkpoint."""
        following = self._next(said)
        if following is None or following.after_origin != said.origin:
            return
        newest = said.size == following.after_size
        if said.size > following.after_size or (newest and said.root.hex() != following.after_root):
            yield (
                f"A checkpoint in {where} covers {said.size} events of {said.origin}, which the opening of "
                f"{following.origin} does not account for."
            )
