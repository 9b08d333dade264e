"""The store of bytes: every file lies under the SHA-256 of its content and is checked before each use.

`LocalStore` keeps them on disk below the state folder; another place only has to be a `BlobStore`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from django.conf import settings

from apps.audit.errors import Invalid, NotFound, Refused

LARGEST = 2 << 30
_CHUNK = 1 << 20
_ABANDONED_S = 24 * 3600
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Readable(Protocol):
    """Whatever bytes can be read from, such as a request."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes as the store keeps them."""

    digest: str
    size: int


class BlobStore(Protocol):
    """A place for bytes by digest."""

    def put(self, stream: Readable, *, largest: int, expected: str | None) -> Stored: ...

    def path(self, digest: str) -> Path: ...

    def open(self, digest: str) -> AbstractContextManager[IO[bytes]]: ...

    def has(self, digest: str) -> bool: ...

    def remove(self, digest: str) -> None: ...


class LocalStore:
    """Files below one folder, two levels deep; written beside, then moved into place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"

    def put(self, stream: Readable, *, largest: int, expected: str | None) -> Stored:
        """Take in bytes; nothing is left behind unless all of them are there and are those expected."""
        self._prepare()
        draft = self.incoming / secrets.token_hex(16)
        try:
            stored = _written(stream, draft, largest)
            if expected is not None and stored.digest != expected:
                raise Invalid(f"The bytes have the digest {stored.digest}, not {expected}.", field="digest")
            self._keep(draft, self._place(stored.digest))
        except OSError as error:
            if error.errno in _FULL:
                raise Refused("The store is full; nothing was kept.", code="no_space") from error
            raise
        finally:
            draft.unlink(missing_ok=True)
        return stored

    def path(self, digest: str) -> Path:
        """The file of a digest, its bytes checked now."""
        with self.open(digest):
            return self._place(plain_digest(digest))

    @contextmanager
    def open(self, digest: str) -> Iterator[IO[bytes]]:
        """The bytes of a digest, all of them checked before the first is given out."""
        wanted = plain_digest(digest)
        try:
            file = self._place(wanted).open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"The bytes {wanted} are not in the store.") from error
        with file:
            found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
            if found != wanted:
                raise Refused(
                    f"The stored bytes {wanted} were changed: they are now {found}.", code="damaged"
                )
            file.seek(0)
            yield file

    def has(self, digest: str) -> bool:
        """Whether there are bytes of a digest, unread."""
        return self._place(plain_digest(digest)).exists()

    def remove(self, digest: str) -> None:
        """Take bytes out for good; nothing is wrong where they were gone already."""
        self._place(plain_digest(digest)).unlink(missing_ok=True)

    def _place(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        return self.root / name[:2] / name

    def _prepare(self) -> None:
        self.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self.incoming.iterdir():
            with suppress(FileNotFoundError):  # another upload finished with its own meanwhile
                if time.time() - left.lstat().st_mtime > _ABANDONED_S:
                    left.unlink()

    def _keep(self, draft: Path, place: Path) -> None:
        """Move a finished file into its place; a sound one that is there already stays."""
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.replace(draft, place)
        folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _written(stream: Readable, draft: Path, largest: int) -> Stored:
    """Copy a stream to a new file that only the service may read, hashing it on the way."""
    hasher, size = hashlib.sha256(), 0
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "wb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > largest:
                raise Invalid(f"The upload has more than {largest:,} bytes.", field="body", code="too_large")
            hasher.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Stored("sha256:" + hasher.hexdigest(), size)


def plain_digest(text: str) -> str:
    """A digest in its one spelling, ``sha256:…``; Invalid for anything else."""
    found = _DIGEST.match(text) if isinstance(text, str) else None
    if found is None:
        raise Invalid(f"{str(text)[:80]!r} is no digest: sha256: and 64 hexadecimal digits.", field="digest")
    return f"sha256:{found[1]}"


def the_store() -> BlobStore:
    """The store of this installation."""
    return LocalStore(Path(settings.STATE) / "blobs")


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
