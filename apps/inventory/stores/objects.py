"""Bytes in a bucket of an S3-compatible object storage, with checked copies on this machine's disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from apps.audit.errors import NotFound, Refused
from apps.inventory.stores.cache import Cache
from apps.inventory.stores.common import (
    Entry,
    Readable,
    Stored,
    Unreachable,
    checked,
    damaged,
    digest_at,
    drafting,
    expected_only,
    place_of,
    plain_digest,
    written,
)
from apps.inventory.stores.local import PART

if TYPE_CHECKING:
    from obstore.store import S3Store

log = logging.getLogger("countersign.store")
# One request moves at most this much, so that a time-out speaks of a piece and never of a whole file.
PIECE = 8 << 20
AT_ONCE = 2
BLOBS, PARTS = "blobs/", "parts/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where a bucket is, and as whom it is used."""

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    key_id: str = ""
    secret: str = ""
    path_style: bool = True
    timeout_s: int = 30
    authority: str = ""

    def __repr__(self) -> str:
        return f"s3://{self.name}/{self.prefix}"


@lru_cache(maxsize=8)
def connected(bucket: Bucket) -> S3Store:
    """The client of a bucket; made in the process that uses it, for its threads do not survive a fork."""
    from obstore.store import S3Store

    config: dict[str, Any] = {"region": bucket.region, "virtual_hosted_style_request": not bucket.path_style}
    # Many storages answer the removal of one object, few the removal of a list.
    config["disable_bulk_delete"] = True
    if bucket.endpoint:
        config["endpoint"] = bucket.endpoint
    if bucket.key_id:
        config |= {"access_key_id": bucket.key_id, "secret_access_key": bucket.secret}
    client: dict[str, Any] = {
        "timeout": timedelta(seconds=bucket.timeout_s),
        "connect_timeout": timedelta(seconds=min(5, bucket.timeout_s)),
        # Plain HTTP only where whoever runs the service wrote it into the address.
        "allow_http": urlsplit(bucket.endpoint).scheme == "http",
    }
    if bucket.authority:
        client["root_certificate"] = Path(bucket.authority).read_bytes()
    backoff = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=2), "base": 2}
    patience: Any = {"max_retries": 4, "retry_timeout": timedelta(seconds=60), "backoff": backoff}
    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        config=config,  # type: ignore[arg-type]
        client_options=client,  # type: ignore[arg-type]
        retry_config=patience,
    )


@contextmanager
def _answering(what: str) -> Iterator[None]:
    """What the client says of a failure, as one of ours; addresses and answers go to the log only."""
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"{what} are not in the store.") from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        log.error("the object storage refused the service", exc_info=error)
        raise Unreachable(f"{what} are out of reach: the object storage refused the service.") from error
    except BaseError as error:
        log.error("the object storage did not answer", exc_info=error)
        raise Unreachable(f"{what} are out of reach: the object storage did not answer.") from error


class ObjectStore:
    """Objects of one bucket. Without `writer` it only reads, as `reader` or as whoever the host is."""

    def __init__(self, writer: Bucket | None, reader: Bucket, *, cache: Cache) -> None:
        self._writer, self._reader = writer, reader
        self._cache, self._drafts = cache, cache.root / "incoming"

    def put(self, stream: Readable, *, largest: int, expected: str | None) -> Stored:
        """Take in bytes: hashed into a draft of this machine first, as their place is their digest.

        Bytes that are there already are written again: they are the same, and a damaged object is healed.
        """
        with self.draft() as draft:
            stored = expected_only(written(stream, draft, largest), expected)
            self._send(BLOBS + place_of(stored.digest), draft, f"The bytes {stored.digest}")
            self._cache.keep(draft, stored.digest)
        return stored

    def draft(self) -> AbstractContextManager[Path]:
        """A name for a file of this machine."""
        return drafting(self._drafts)

    def path(self, digest: str) -> Path:
        """A file with the bytes of a digest, checked now."""
        with self.open(digest) as file:
            return Path(file.name)

    @contextmanager
    def open(self, digest: str) -> Iterator[IO[bytes]]:
        """The bytes of a digest: the copy of this machine where it is sound, else fetched anew."""
        with ExitStack() as held:
            yield self._opened(held, plain_digest(digest))

    def _opened(self, held: ExitStack, wanted: str) -> IO[bytes]:
        try:
            file = held.enter_context(checked(self._cache.place(wanted), wanted))
        except NotFound:
            pass  # not fetched yet
        except Refused as refused:
            log.error("a copy in the cache was changed and is fetched anew: %s", refused)
            self._cache.drop(wanted)
        else:
            self._cache.touch(wanted)
            return file
        return held.enter_context(checked(self._fetched(wanted), wanted))

    def begins(self, digest: str, count: int) -> bytes:
        """The first bytes of a digest, unchecked: a hint of what they are, no more."""
        import obstore

        with _answering(f"The bytes {digest}"):
            place = BLOBS + place_of(digest)
            return bytes(obstore.get_range(connected(self._reader), place, start=0, end=count))

    def has(self, digest: str) -> bool:
        """Whether there are bytes of a digest, unread; asked of the bucket, not of the copies."""
        try:
            self._size(BLOBS + place_of(digest), "The bytes")
        except NotFound:
            return False
        return True

    def remove(self, digest: str) -> None:
        """Take bytes out for good; nothing is wrong where they were gone already."""
        self.discard(place_of(digest))
        self._cache.drop(digest)

    def entries(self) -> Iterator[Entry]:
        """Everything that lies under the prefix, also what has no place there."""
        with _answering("The contents of the store"):
            for batch in connected(self._reader).list(BLOBS.rstrip("/")):
                for told in batch:
                    place = told["path"].removeprefix(BLOBS)
                    yield Entry(place, digest_at(place), told["size"], told["last_modified"])

    def discard(self, place: str) -> None:
        """Remove what `entries` found at a place."""
        self._delete(BLOBS + place)

    def put_part(self, name: str, file: Path) -> None:
        """Keep a piece of an upload until the upload is complete; any machine may complete it."""
        self._send(_part(name), file, "The pieces of the upload")

    def read_parts(self, names: Iterable[str]) -> Iterator[bytes]:
        """The bytes of pieces, one after the other."""
        for name in names:
            yield from self._pieces(_part(name), "The pieces of the upload")

    def drop_part(self, name: str) -> None:
        """Forget one piece."""
        self._delete(_part(name))

    def drop_parts(self, upload: str) -> None:
        """Forget the pieces of an upload."""
        folder = _part(f"{upload}/0-{'0' * 16}").rpartition("/")[0]
        with _answering("The pieces of the upload"):
            found = [told["path"] for batch in connected(self._writing()).list(folder) for told in batch]
        for place in found:
            self._delete(place)

    def _writing(self) -> Bucket:
        if self._writer is None:
            raise Refused("This process may only read the store: it has a reader's key.", code="read_only")
        return self._writer

    def _send(self, place: str, file: Path, what: str) -> None:
        import obstore

        with _answering(what), file.open("rb") as source:
            obstore.put(connected(self._writing()), place, source, chunk_size=PIECE, max_concurrency=AT_ONCE)

    def _delete(self, place: str) -> None:
        import obstore

        try:
            with _answering("The bytes"):
                obstore.delete(connected(self._writing()), place)
        except NotFound:
            return

    def _size(self, place: str, what: str) -> int:
        import obstore

        with _answering(what):
            return obstore.head(connected(self._reader), place)["size"]

    def _pieces(self, place: str, what: str) -> Iterator[bytes]:
        import obstore

        size = self._size(place, what)
        for start in range(0, size, PIECE):
            with _answering(what):
                end = min(size, start + PIECE)
                piece = obstore.get_range(connected(self._reader), place, start=start, end=end)
            yield bytes(piece)

    def _fetched(self, digest: str) -> Path:
        """The bytes from the bucket, into the cache once they are those of the digest."""
        hasher = hashlib.sha256()
        with drafting(self._drafts) as draft:
            with draft.open("xb") as file:
                for piece in self._pieces(BLOBS + place_of(digest), f"The bytes {digest}"):
                    hasher.update(piece)
                    file.write(piece)
            if (found := "sha256:" + hasher.hexdigest()) != digest:
                raise damaged(digest, found)
            draft.chmod(0o400)
            return self._cache.keep(draft, digest)


def _part(name: str) -> str:
    if not PART.match(name):
        raise ValueError(f"{name!r} names no piece of an upload.")
    return PARTS + name
