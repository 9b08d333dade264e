"""The store of bytes: everything lies under the SHA-256 of its content and is checked before each use.

`the_store()` is a folder of this machine or a bucket of an object storage, as the settings say.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from django.conf import settings

from apps.inventory.stores.cache import Cache
from apps.inventory.stores.common import BlobStore, Entry, Readable, Stored, Unreachable, plain_digest
from apps.inventory.stores.local import LocalStore
from apps.inventory.stores.objects import Bucket, ObjectStore

__all__ = [
    "LARGEST",
    "BlobStore",
    "Entry",
    "LocalStore",
    "Readable",
    "Stored",
    "Unreachable",
    "largest",
    "link",
    "open",
    "path",
    "plain_digest",
    "the_store",
]
LARGEST = 2 << 30
CACHE = 20 << 30


def the_store() -> BlobStore:
    """The store of this installation."""
    told = getattr(settings, "STORE", None) or {}
    if "reader" not in told:
        return LocalStore(told.get("root") or Path(settings.STATE) / "blobs")
    return ObjectStore(
        Bucket(**told["writer"]) if told["writer"] else None,
        Bucket(**told["reader"]),
        cache=Cache(told.get("cache") or Path(settings.STATE) / "blob-cache", told.get("cache_bytes", CACHE)),
    )


def largest() -> int:
    """How many bytes one upload may have."""
    return int(getattr(settings, "LARGEST_UPLOAD", LARGEST))


def path(digest: str) -> Path:
    """The file of a digest, its bytes checked now."""
    return the_store().path(digest)


def open(digest: str) -> AbstractContextManager[IO[bytes]]:
    """The bytes of a digest, all of them checked before the first is given out."""
    return the_store().open(digest)


def link(digest: str, target: Path, *, find: Callable[[str], Path] = path) -> None:
    """Put the checked bytes of a digest at `target`, without copying where the disk allows it."""
    source = find(digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        target.chmod(0o400)
