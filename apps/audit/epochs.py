"""The file of logs begun anew, beside the file of checkpoints: whoever rules the database cannot write it.

A log is begun anew after events were lost. Its tree begins with the leaves that are left, so that their
receipts hold; its first own leaf is the event by which two people opened it, which names the newest
checkpoint of the log before and so says what was lost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.audit.anchors import Anchor
from apps.audit.errors import Refused
from apps.engine.canonical import canonical, read_json
from apps.engine.errors import Problem


@dataclass(frozen=True, slots=True)
class Opening:
    """What the opening of a log says; `base` leaves of the log before are left."""

    number: int
    origin: str
    after_origin: str
    after_size: int
    after_root: str
    base: int
    base_root: str
    proposed_by: str
    confirmed_by: str
    event: str

    def follows(self, last: Anchor) -> bool:
        """Whether this log begins where exactly this checkpoint was the newest."""
        said = last.checkpoint
        return (self.after_origin, self.after_size, self.after_root) == (
            said.origin,
            said.size,
            said.root.hex(),
        )

    @property
    def event_id(self) -> UUID:
        return UUID(self.event)

    def as_facts(self) -> dict[str, Any]:
        """What the event holds."""
        return {name: value for name, value in asdict(self).items() if name not in ("event", "confirmed_by")}

    @property
    def lost(self) -> str:
        if self.after_size <= self.base:
            return f"the newest checkpoint of {self.after_origin} speaks of other events than those left"
        return f"events {self.base} to {self.after_size - 1} of {self.after_origin} are lost"


def _path() -> Path:
    return Path(settings.STATE) / "epochs.jsonl"


def openings() -> Iterator[Opening]:
    """Every log that was begun anew on this machine, the oldest first."""
    try:
        lines = _path().read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, 1):
        if line:
            try:
                yield Opening(**read_json(line, what="the line"))
            except (Problem, TypeError) as error:
                raise Refused(f"{_path()} cannot be read: line {number} is damaged ({error}).") from error


def opening_after(last: Anchor) -> Opening | None:
    """The newest opening of a log after this checkpoint."""
    found = [opening for opening in openings() if opening.follows(last)]
    return found[-1] if found else None


def note(opening: Opening) -> None:
    """Write an opening down and wait until it is on disk."""
    descriptor = os.open(_path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(canonical(asdict(opening)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
