"""The files of a pack: a folder or a zip archive, read as streams and never unpacked to disk."""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from countersign_verify.faults import Unreadable, Wrong

MOST = 200_000
LARGEST = 64 << 30
RATIO = 2_000
LONGEST_LINE = 64 << 20
_CHUNK = 1 << 20


class Files(Protocol):
    """A pack's files by path."""

    def paths(self) -> dict[str, int]:
        """Every file with its size."""

    def open(self, path: str) -> IO[bytes]:
        """One file as a stream."""


def open_pack(place: Path) -> Files:
    """The files of a folder or an archive."""
    if place.is_dir():
        return Folder(place)
    try:
        return Archive(zipfile.ZipFile(place))
    except zipfile.BadZipFile:
        raise Wrong("It is neither a folder nor a sound zip archive.") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"{place} cannot be read: {getattr(error, 'strerror', error)}.") from None


def _path(name: str) -> str:
    """A relative path that stays inside; Wrong for any other."""
    parts = name.split("/")
    if "\\" in name or "\0" in name or name != name.strip() or any(p in ("", ".", "..") for p in parts):
        raise Wrong(f"The pack holds a file with the path {name[:120]!r}.")
    return name


class Folder:
    """A folder into which a pack was unpacked."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def paths(self) -> dict[str, int]:
        """Every file with its size; a link or a device is refused."""
        found: dict[str, int] = {}
        for place in sorted(self._root.rglob("*")):
            told = place.lstat()
            if stat.S_ISDIR(told.st_mode):
                continue
            name = _path(place.relative_to(self._root).as_posix())
            if not stat.S_ISREG(told.st_mode):
                raise Wrong("It is a link or a device, not a file.", file=name)
            found[name] = told.st_size
        return found

    def open(self, path: str) -> IO[bytes]:
        """One file as a stream."""
        return (self._root / path).open("rb")


class Archive:
    """A zip archive; its list of files is judged before any of it is unpacked."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def paths(self) -> dict[str, int]:
        """Every file with its unpacked size."""
        entries = self._archive.infolist()
        if len(entries) > MOST or sum(entry.file_size for entry in entries) > LARGEST:
            raise Wrong("The archive holds too much to be a pack.")
        found: dict[str, int] = {}
        for entry in entries:
            name = _path(entry.filename)
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if name in found or entry.flag_bits & 1 or kind not in (0, stat.S_IFREG):
                raise Wrong("It stands twice in the archive, is encrypted or is no file.", file=name)
            if entry.file_size > 4096 + RATIO * entry.compress_size:
                raise Wrong("It would unpack to far more than it takes.", file=name)
            found[name] = entry.file_size
        return found

    def open(self, path: str) -> IO[bytes]:
        """One file as a stream."""
        return io.BufferedReader(cast(io.RawIOBase, self._archive.open(path)), _CHUNK)


@contextmanager
def opened(files: Files, path: str) -> Iterator[IO[bytes]]:
    """One file; damage while it is read is named with its path."""
    try:
        with files.open(path) as file:
            yield file
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise Wrong("The archive is damaged here.", file=path) from None
    except (KeyError, FileNotFoundError):
        raise Wrong("It is missing.", file=path) from None
    except Wrong as wrong:
        raise wrong.placed(path) from None


def digest(files: Files, path: str) -> str:
    """The SHA-256 of a file, in hex."""
    found = hashlib.sha256()
    with opened(files, path) as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def whole(files: Files, path: str, *, largest: int = LONGEST_LINE) -> bytes:
    """All bytes of a small file."""
    with opened(files, path) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise Wrong(f"It is larger than {largest} bytes.", file=path)
    return data


def lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file, each of which must end."""
    while line := file.readline(LONGEST_LINE):
        if line[-1:] != b"\n":
            raise Wrong("A line is too long, or the last one is cut off.")
        yield line[:-1]
