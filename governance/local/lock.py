"""One supervisor a state folder. The kernel's lock decides, never a process number in a file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from governance.local.errors import LocalRefused


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold the lock for the block. Yields whether an earlier holder ended without letting go properly."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise LocalRefused(
                f"Countersign already runs over {path.parent} (process {holder}). Stop it first, "
                "or choose another state folder with COUNTERSIGN_STATE."
            ) from None
        killed = bool(os.read(descriptor, 32).strip())
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        try:
            yield killed
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)
