"""The file of checkpoints outside the database: what the log has ever signed, in order.

A database restored from an old backup, or rewritten by whoever rules it, cannot change this file;
so the sequencer compares with it before it signs anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from apps.audit.errors import Refused
from apps.engine.canonical import canonical, read_json, rfc3339
from apps.engine.errors import Problem
from apps.engine.note import Checkpoint, Note

_TAIL = 65_536


@dataclass(frozen=True, slots=True)
class Anchor:
    """One line of the file: a signed checkpoint and what it states."""

    note: bytes
    checkpoint: Checkpoint

    @classmethod
    def of(cls, note: bytes) -> Anchor:
        return cls(note, Checkpoint.parse(Note.parse(note).text))


class AnchorFile:
    """An append-only file, one JSON line for each checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Anchor]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield self._read(line, f"line {number}")

    def last(self) -> Anchor | None:
        """The newest checkpoint; a line cut off by a crash was never published and does not count."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self.path.stat().st_size - _TAIL))
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Refused(f"The file of checkpoints {self.path} cannot be read: {error.strerror}.") from error
        return self._read(lines[-1], "the last line") if lines else None

    def append(self, note: bytes, at: datetime) -> None:
        """Add a checkpoint and wait until it is on disk."""
        line = canonical({"at": rfc3339(at), "note": note.decode()}) + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                _drop_torn_line(file.fileno())
                os.write(file.fileno(), line)
                os.fsync(file.fileno())
        except OSError as error:
            raise Refused(
                f"The file of checkpoints {self.path} cannot be written: {error.strerror}."
            ) from error

    def _read(self, line: bytes, where: str) -> Anchor:
        try:
            return Anchor.of(read_json(line, what="the line")["note"].encode())
        except (Problem, KeyError, TypeError, AttributeError) as error:
            raise Refused(
                f"The file of checkpoints {self.path} cannot be read: {where} is damaged ({error}).",
                code="anchor_damaged",
            ) from error


class AnchorCopies(AnchorFile):
    """Copies of checkpoints as they lie in a folder, or in a clone of the repository they were pushed to."""

    def __iter__(self) -> Iterator[Anchor]:
        found = []
        for path in self.path.rglob("*.note"):
            try:
                found.append(Anchor.of(path.read_bytes()))
            except (Problem, OSError) as error:
                raise Refused(f"The copy {path} cannot be read: {error}", code="anchor_damaged") from error
        yield from sorted(found, key=lambda a: (epoch_of(a.checkpoint.origin), a.checkpoint.size))


def kept_at(path: Path) -> AnchorFile:
    """Checkpoints kept elsewhere: a file as the service writes it, or a folder of copies."""
    return AnchorCopies(path) if path.is_dir() else AnchorFile(path)


def _drop_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    start = max(0, size - _TAIL)
    tail = os.pread(descriptor, _TAIL, start)
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(descriptor, start + tail.rfind(b"\n") + 1)


def anchor_file() -> AnchorFile:
    return AnchorFile(Path(settings.STATE) / "checkpoints.jsonl")


def epoch_of(origin: str) -> int:
    """Which log of this service a name means: the number that it ends in."""
    number = origin.rpartition("/")[2]
    return int(number) if number.isascii() and number.isdigit() else 1


def origin_of(epoch: int, before: str) -> str:
    """The name of a log that is begun after another."""
    return f"{before.rpartition('/')[0]}/{epoch}"


def first_origin() -> str:
    """The name a new log gets; afterwards its checkpoints carry it, whatever the address becomes."""
    return f"{urlsplit(settings.BASE_URL).netloc}/audit/1"
