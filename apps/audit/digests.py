"""A second record of events, written by the service itself after each commit: their ids and leaf hashes.

An event that is removed before the sequencer took it leaves no trace in any tree. It does here: the file
only grows, nothing in the database reaches it, and it can be sent on to another host as it grows.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

_BATCH = 1000
_NAME = "event-digests.jsonl"


def own_file() -> Path:
    return settings.EVENT_DIGESTS or Path(settings.STATE) / _NAME


def note_after_commit(event_id: str, leaf: bytes, at: str) -> None:
    """Write the event down once it is committed; a disk that is full takes nothing back."""
    transaction.on_commit(partial(_append, event_id, leaf, at), robust=True)


def _append(event_id: str, leaf: bytes, at: str) -> None:
    line = f'{{"at":"{at}","id":"{event_id}","leaf":"{leaf.hex()}"}}\n'
    _own.append(str(settings.EVENT_DIGESTS or f"{settings.STATE}/{_NAME}"), line.encode())


class _Own:
    """The file, held open from one event to the next; opened anew where another one took its place."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._path, self._descriptor = "", -1
        self._opened: tuple[int, int] | None = None

    def append(self, path: str, line: bytes) -> None:
        with self._guard:
            if path != self._path or self._opened is None or self._opened != _place(path):
                self._open(path)
            os.write(self._descriptor, line)

    def _open(self, path: str) -> None:
        fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        told = os.fstat(fresh)
        self._path, self._descriptor, self._opened = path, fresh, (told.st_dev, told.st_ino)


def _place(path: str) -> tuple[int, int] | None:
    try:
        told = os.stat(path)
    except FileNotFoundError:
        return None
    return told.st_dev, told.st_ino


_own = _Own()


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of digests up to where it had grown before anything was compared with it."""

    path: Path
    size: int

    @classmethod
    def of(cls, path: Path) -> Kept:
        return cls(path, path.stat().st_size if path.exists() else 0)

    def lines(self) -> Iterator[bytes]:
        if self.size:
            with self.path.open("rb") as file:
                while file.tell() < self.size and (line := file.readline()).endswith(b"\n"):
                    yield line


@dataclass(frozen=True, slots=True)
class Missing:
    """An event that the file names and the log does not hold as it was."""

    event: UUID
    at: datetime
    changed: bool


def compare(kept: Kept) -> Iterator[Missing | str]:
    """What the log lacks of the file, and a sentence for each line that cannot be read."""
    batch: dict[UUID, tuple[bytes, datetime]] = {}
    for number, line in enumerate(kept.lines(), 1):
        try:
            told = json.loads(line)
            batch[UUID(told["id"])] = bytes.fromhex(told["leaf"]), datetime.fromisoformat(told["at"])
        except (ValueError, KeyError, TypeError, AttributeError):
            yield f"Line {number} of {kept.path} is damaged."
        if len(batch) == _BATCH:
            yield from _lacking(batch)
            batch.clear()
    yield from _lacking(batch)


def _lacking(batch: dict[UUID, tuple[bytes, datetime]]) -> Iterator[Missing]:
    there: dict[UUID, Any] = {}
    if batch:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, leaf_hash FROM audit_event WHERE id = ANY(%s)", [list(batch)])
            there = dict(cursor.fetchall())
    for event, (leaf, at) in batch.items():
        if event not in there:
            yield Missing(event, at, changed=False)
        elif bytes(there[event]) != leaf:
            yield Missing(event, at, changed=True)
