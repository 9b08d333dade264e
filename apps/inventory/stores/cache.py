"""Copies of remote bytes on this machine's disk: checked at each use, the least used go first."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from apps.inventory.stores.common import place_of, settle


class Cache:
    """A folder of files by digest that never holds much more than `limit` bytes."""

    def __init__(self, root: Path, limit: int) -> None:
        self.root, self.limit = root, limit

    def place(self, digest: str) -> Path:
        return self.root / place_of(digest)

    def touch(self, digest: str) -> None:
        """Say that bytes were used; whoever may only read the folder says nothing."""
        with suppress(OSError):
            os.utime(self.place(digest))

    def keep(self, draft: Path, digest: str) -> Path:
        """Keep a finished file that was just checked; room is made before it comes."""
        self.make_room(draft.stat().st_size, spare=digest)
        place = self.place(digest)
        settle(draft, place)
        return place

    def drop(self, digest: str) -> None:
        self.place(digest).unlink(missing_ok=True)

    def make_room(self, wanted: int, *, spare: str = "") -> None:
        """Remove what was not used for longest until `wanted` more bytes fit. Open files stay readable."""
        held = sorted(self._held(), reverse=True)
        total = wanted + sum(size for _, size, _ in held)
        keep = self.place(spare) if spare else None
        while held and total > self.limit:
            _, size, path = held.pop()
            if path != keep:
                path.unlink(missing_ok=True)
                total -= size

    def _held(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self.root.glob("??/*"):
            with suppress(FileNotFoundError):  # another process made room
                told = path.stat()
                found.append((told.st_mtime, told.st_size, path))
        return found
