"""Bytes in a folder of this machine, or of a disk that several machines share."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from apps.audit.errors import NotFound
from apps.inventory.stores.common import (
    CHUNK,
    Entry,
    Readable,
    Stored,
    checked,
    digest_at,
    drafting,
    expected_only,
    place_of,
    plain_digest,
    settle,
    written,
)

_OURS = frozenset({"incoming", "parts"})
PART = re.compile(r"[0-9a-f-]{36}/[0-9]{1,20}-[0-9a-f]{16}\Z")


class LocalStore:
    """Files below one folder, two levels deep; written beside, then moved into place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"

    def put(self, stream: Readable, *, largest: int, expected: str | None) -> Stored:
        """Take in bytes; nothing is left behind unless all of them are there and are those expected."""
        with self.draft() as draft:
            stored = expected_only(written(stream, draft, largest), expected)
            settle(draft, self._place(stored.digest))
        return stored

    def draft(self) -> AbstractContextManager[Path]:
        """A name for a file on the disk of the store."""
        return drafting(self.incoming)

    def path(self, digest: str) -> Path:
        """The file of a digest, its bytes checked now."""
        with self.open(digest):
            return self._place(digest)

    def open(self, digest: str) -> AbstractContextManager[IO[bytes]]:
        """The bytes of a digest, all of them checked before the first is given out."""
        return checked(self._place(digest), plain_digest(digest))

    def begins(self, digest: str, count: int) -> bytes:
        """The first bytes of a digest, unchecked: a hint of what they are, no more."""
        try:
            with self._place(digest).open("rb") as file:
                return file.read(count)
        except FileNotFoundError as error:
            raise NotFound(f"The bytes {digest} are not in the store.") from error

    def has(self, digest: str) -> bool:
        """Whether there are bytes of a digest, unread."""
        return self._place(digest).exists()

    def remove(self, digest: str) -> None:
        """Take bytes out for good; nothing is wrong where they were gone already."""
        self._place(digest).unlink(missing_ok=True)

    def entries(self) -> Iterator[Entry]:
        """Everything that lies in the store, also what has no place there."""
        folders = sorted(self.root.iterdir()) if self.root.is_dir() else []
        for folder in folders:
            if folder.name in _OURS:
                continue
            yield from self._entries(folder)

    def _entries(self, folder: Path) -> Iterator[Entry]:
        inside = folder.is_dir() and not folder.is_symlink()
        for path in sorted(folder.iterdir()) if inside else [folder]:
            try:
                told = path.lstat()
            except FileNotFoundError:
                continue  # removed meanwhile
            place = str(path.relative_to(self.root))
            yield Entry(place, digest_at(place), told.st_size, datetime.fromtimestamp(told.st_mtime, tz=UTC))

    def discard(self, place: str) -> None:
        """Remove what `entries` found at a place; a folder is left to a person."""
        (self.root / place).unlink(missing_ok=True)

    def put_part(self, name: str, file: Path) -> None:
        """Keep a piece of an upload until the upload is complete."""
        settle(file, self._part(name))

    def read_parts(self, names: Iterable[str]) -> Iterator[bytes]:
        """The bytes of pieces, one after the other."""
        for name in names:
            with self._part(name).open("rb") as file:
                while piece := file.read(CHUNK):
                    yield piece

    def drop_part(self, name: str) -> None:
        """Forget one piece."""
        self._part(name).unlink(missing_ok=True)

    def drop_parts(self, upload: str) -> None:
        """Forget the pieces of an upload."""
        shutil.rmtree(self._part(f"{upload}/0-{'0' * 16}").parent, ignore_errors=True)

    def _part(self, name: str) -> Path:
        if not PART.match(name):
            raise ValueError(f"{name!r} names no piece of an upload.")
        return self.root / "parts" / name

    def _place(self, digest: str) -> Path:
        return self.root / place_of(digest)
