"""Files and folders of parts on disk: their digests, and whether they stay what they were."""

from __future__ import annotations

import hashlib
import io
import os
import select
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from apps.engine.errors import BadInput

_PATIENCE = 10.0  # seconds without a byte from a pipe


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file's bytes hash to, and how the file looked when they were read."""

    sha256: str
    state: tuple[int, int, int]


def part_files(path: Path, *, name: str) -> list[Path]:
    """The file itself, or the Parquet parts of a folder in the order of their names."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise BadInput(f"{name} does not exist.") from problem
    except (OSError, ValueError) as problem:
        raise BadInput(
            f"{name} cannot be read: {getattr(problem, 'strerror', None) or problem}."
        ) from problem
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInput(f"{name} is not a regular file.")
    parts = sorted(p for p in path.iterdir() if not p.name.startswith((".", "_")))
    folder = next((p for p in parts if p.is_dir()), None)
    if folder is not None:
        raise BadInput(f'{name} holds the folder "{folder.name}"; Parquet parts must lie side by side.')
    if not parts:
        raise BadInput(f"{name} is a folder without any Parquet part.")
    return parts


def fingerprint(path: Path, *, name: str) -> Fingerprint:
    """SHA-256 over the bytes of a file; for a folder over the sorted names and digests of its parts."""
    parts = part_files(path, name=name)
    if path.is_file():
        return Fingerprint(file_digest(path), _state(path))
    found = parts_digest({part.name: file_digest(part) for part in parts})
    states = [_state(part) for part in parts]
    total = (len(states), sum(s[1] for s in states), max(s[2] for s in states))
    return Fingerprint(found, total)


def unchanged(path: Path, before: Fingerprint, *, name: str) -> None:
    """Refuse a file whose size, identity or time changed since its digest was taken."""
    states = [_state(part) for part in part_files(path, name=name)]
    now = states[0] if path.is_file() else (len(states), sum(s[1] for s in states), max(s[2] for s in states))
    if now != before.state:
        raise BadInput(f"{name} changed while it was being read.")


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise BadInput(f"{path.name} is not a regular file.")
    return found.st_ino, found.st_size, found.st_mtime_ns


def parts_digest(parts: Mapping[str, str]) -> str:
    """SHA-256 over the sorted names and digests of parts."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(parts.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 over the bytes of a file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise BadInput(f"{path.name} cannot be read: {os.strerror(problem.errno or 0)}.") from problem


def read_document(path: Path, most: int) -> bytes:
    """The bytes of a manifest, a policy or the like; of what is too long no more than shows it.

    A pipe is read to its end. Devices and folders are no documents, and a pipe that nobody writes to is
    none either.

    Raises
    ------
    BadInput
        Says which file cannot be read, and why.
    """
    try:
        held = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(held, "rb", buffering=0) as file:
            kind = os.fstat(held).st_mode
            if not stat.S_ISREG(kind) and not stat.S_ISFIFO(kind):
                raise BadInput(f"{path} cannot be read: it is not a file.")
            return b"".join(_pieces(file, path, most))
    except FileNotFoundError as problem:
        raise BadInput(f"{path} does not exist.") from problem
    except (OSError, ValueError) as problem:
        raise BadInput(f"{path} cannot be read: {getattr(problem, 'strerror', problem)}.") from problem


def _pieces(file: io.FileIO, path: Path, most: int) -> Iterator[bytes]:
    """What there is, up to one byte more than the most."""
    left = most + 1
    while left > 0:
        if not select.select([file], [], [], _PATIENCE)[0]:
            raise BadInput(f"{path} cannot be read: nothing came for {_PATIENCE:.0f} seconds.")
        piece = file.read(min(left, 1 << 16))
        if not piece:
            return
        left -= len(piece)
        yield piece
