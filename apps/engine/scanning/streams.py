"""Compressed streams, opened within bounds into a temporary file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from apps.engine.scanning.report import Limits

_CHUNK = 1 << 20
_FAULTS = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError)


class Bomb(ValueError):
    """A stream that gives more than its bounds allow."""


class Damaged(ValueError):
    """A stream that cannot be unpacked."""


class _Zlib(io.RawIOBase):
    """A zlib stream as a readable file."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self._engine = source, zlib.decompressobj()

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes of what was packed."""
        while not self._engine.eof:
            packed = self._engine.unconsumed_tail or self._source.read(_CHUNK)
            if not packed:
                return b""
            piece = self._engine.decompress(packed, size if size > 0 else _CHUNK)
            if piece:
                return piece
        return b""


_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    "gzip": lambda source: gzip.GzipFile(fileobj=source),
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "lzma": lzma.LZMAFile,
    "zlib": _Zlib,
}
COMPRESSED = frozenset(_OPENERS)


@contextmanager
def unpacked(kind: str, source: IO[bytes], packed: int, limits: Limits) -> Iterator[IO[bytes]]:
    """The unpacked content as a temporary file; `Bomb` or `Damaged` where it cannot be had."""
    try:
        reader = _OPENERS[kind](source)
    except _FAULTS as error:
        raise Damaged(str(error)) from error
    with spilled(reader, packed, limits) as target:
        yield target


@contextmanager
def spilled(reader: IO[bytes], packed: int, limits: Limits) -> Iterator[IO[bytes]]:
    """All of `reader` in a temporary file, bounded in size and ratio."""
    with tempfile.TemporaryFile() as target:
        total = 0
        while piece := _read(reader):
            total += len(piece)
            if total > limits.unpacked:
                raise Bomb(f"it unpacks to more than {limits.unpacked} bytes")
            if total > limits.ratio_from and total > limits.ratio * max(1, packed):
                raise Bomb(f"it unpacks to over {limits.ratio} times its size")
            target.write(piece)
        target.flush()
        target.seek(0)
        yield cast(IO[bytes], target)


def _read(reader: IO[bytes]) -> bytes:
    try:
        return reader.read(_CHUNK)
    except _FAULTS as error:
        raise Damaged(str(error)) from error
