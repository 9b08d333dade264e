"""What every place for bytes has in common: digests, drafts, the errors it may give."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from apps.audit.errors import Invalid, NotFound, Refused

CHUNK = 1 << 20
ABANDONED_S = 24 * 3600
# What the server writes into a request whose body it stopped waiting for.
TOO_SLOW = "countersign.too_slow"
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Unreachable(Refused):
    """The store gave no answer, or refused the service: nothing is known of the bytes."""

    code = "store_unreachable"


class CutShort(Refused):
    """A stream ended before it was complete, or came too slowly; what arrived before may be kept."""

    code = "cut_short"


class Readable(Protocol):
    """Whatever bytes can be read from, such as a request."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes as the store keeps them."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies in the store under a digest, unread; `digest` is empty for what has no place there."""

    place: str
    digest: str
    size: int
    modified: datetime


class BlobStore(Protocol):
    """A place for bytes by digest."""

    def put(self, stream: Readable, *, largest: int, expected: str | None) -> Stored: ...

    def path(self, digest: str) -> Path: ...

    def open(self, digest: str) -> AbstractContextManager[IO[bytes]]: ...

    def begins(self, digest: str, count: int) -> bytes: ...

    def has(self, digest: str) -> bool: ...

    def remove(self, digest: str) -> None: ...

    def entries(self) -> Iterator[Entry]: ...

    def discard(self, place: str) -> None: ...

    def put_part(self, name: str, file: Path) -> None: ...

    def read_parts(self, names: Iterable[str]) -> Iterator[bytes]: ...

    def drop_part(self, name: str) -> None: ...

    def drop_parts(self, upload: str) -> None: ...

    def draft(self) -> AbstractContextManager[Path]: ...


def plain_digest(text: str) -> str:
    """A digest in its one spelling, ``sha256:…``; Invalid for anything else."""
    found = _DIGEST.match(text) if isinstance(text, str) else None
    if found is None:
        raise Invalid(f"{str(text)[:80]!r} is no digest: sha256: and 64 hexadecimal digits.", field="digest")
    return f"sha256:{found[1]}"


def place_of(digest: str) -> str:
    """Where a digest lies below the root: its first two digits, then all of them."""
    name = plain_digest(digest).removeprefix("sha256:")
    return f"{name[:2]}/{name}"


def digest_at(place: str) -> str:
    """The digest whose place this is; empty for any other."""
    name = place.rpartition("/")[2]
    found = _DIGEST.match(name)
    return f"sha256:{name}" if found and place == f"{name[:2]}/{name}" else ""


def written(stream: Readable, draft: Path, largest: int) -> Stored:
    """Copy a stream to a new file that only the service may read, hashing it on the way."""
    hasher, size = hashlib.sha256(), 0
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "wb") as file:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            if size > largest:
                raise Invalid(f"The upload has more than {largest:,} bytes.", field="body", code="too_large")
            hasher.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Stored("sha256:" + hasher.hexdigest(), size)


def expected_only(stored: Stored, expected: str | None) -> Stored:
    """Invalid where the bytes are not those that were announced."""
    if expected is not None and stored.digest != expected:
        raise Invalid(f"The bytes have the digest {stored.digest}, not {expected}.", field="digest")
    return stored


@contextmanager
def drafting(folder: Path) -> Iterator[Path]:
    """A name for a new file that is gone afterwards, whatever happens; a full disk is told as such."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(folder)
    draft = folder / secrets.token_hex(16)
    try:
        yield draft
    except OSError as error:
        if error.errno in _FULL:
            raise Refused("The store is full; nothing was kept.", code="no_space") from error
        raise
    finally:
        draft.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Drafts of processes that were killed."""
    for left in folder.iterdir():
        with suppress(FileNotFoundError):  # another upload finished with its own meanwhile
            if time.time() - left.lstat().st_mtime > ABANDONED_S:
                left.unlink()


@contextmanager
def checked(place: Path, digest: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, all of them hashed before the first is given out."""
    try:
        file = place.open("rb")
    except FileNotFoundError as error:
        raise NotFound(f"The bytes {digest} are not in the store.") from error
    with file:
        found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise damaged(digest, found)
        file.seek(0)
        yield file


def damaged(digest: str, found: str) -> Refused:
    return Refused(f"The stored bytes {digest} were changed: they are now {found}.", code="damaged")


def settle(draft: Path, place: Path) -> None:
    """Move a finished file into its place for good."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.replace(draft, place)
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
