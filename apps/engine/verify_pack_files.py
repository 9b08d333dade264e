"""The files of an auditor pack, in a folder or an archive; judged before any of them is read."""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, cast

from apps.engine.canonical import canonical, read_json
from apps.engine.errors import BadInput, Problem
from apps.engine.statement import NotGenuine

MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.dsse.json"
MOST_FILES: Final = 200_000
LARGEST: Final = 64 << 30
LARGEST_RATIO: Final = 2_000
LONGEST: Final = 64 << 20
_PIECE: Final = 1 << 20


class PackFault(NotGenuine):
    """What is wrong with a pack, in which file of it, and where in that file."""

    def __init__(self, sentence: str, file: str, place: int | None = None) -> None:
        where = file if place is None else f"{file}, {place}"
        super().__init__(f"{where}: {sentence}")


class PackFiles:
    """Every file by its path, from a folder or a zip archive.

    Raises
    ------
    BadInput
        When it is neither, or cannot be opened.
    PackFault
        When it holds something that no pack holds: a link, a twin, a path that leads outside.
    """

    def __init__(self, place: Path | IO[bytes]) -> None:
        self._folder = place if isinstance(place, Path) and place.is_dir() else None
        self._archive = _opened(place) if self._folder is None else None
        entries = _entries(self._archive) if self._archive is not None else _folder(self._root)
        self.sizes: dict[str, int] = {}
        for name, size in entries:
            if name in self.sizes or not _stays_inside(name):
                raise PackFault("The pack holds this path twice, or it leads outside.", name[:200])
            self.sizes[name] = size
        if len(self.sizes) > MOST_FILES or sum(self.sizes.values()) > LARGEST:
            raise NotGenuine("It holds too much to be a pack.")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """One file as a stream; damage on the way is told with its name."""
        if name not in self.sizes:
            raise PackFault("It is missing.", name)
        try:
            with self._stream(name) as file:
                yield file
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise PackFault("The archive is damaged here.", name) from error

    @property
    def _root(self) -> Path:
        if self._folder is None:
            raise BadInput("It is an archive and no folder.")
        return self._folder

    def _stream(self, name: str) -> IO[bytes]:
        if self._archive is None:
            return (self._root / name).open("rb")
        return io.BufferedReader(cast(io.RawIOBase, self._archive.open(name)), _PIECE)

    def read(self, name: str) -> bytes:
        """All of a file that may not be long."""
        with self.open(name) as file:
            data = file.read(LONGEST + 1)
        if len(data) > LONGEST:
            raise PackFault(f"It is longer than {LONGEST >> 20} MiB.", name)
        return data

    def digest(self, name: str) -> str:
        """The SHA-256 of a file in hex."""
        found = hashlib.sha256()
        with self.open(name) as file:
            while piece := file.read(_PIECE):
                found.update(piece)
        return found.hexdigest()

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a file, none of them cut off."""
        with self.open(name) as file:
            while line := file.readline(LONGEST):
                if not line.endswith(b"\n"):
                    raise PackFault("Its last line is cut off, or a line is too long.", name)
                yield line[:-1]

    def close(self) -> None:
        """Let go of the archive."""
        if self._archive is not None:
            self._archive.close()


def _opened(place: Path | IO[bytes]) -> zipfile.ZipFile:
    name = place.name if isinstance(place, Path) else "It"
    try:
        return zipfile.ZipFile(place)
    except zipfile.BadZipFile as error:
        raise BadInput(f"{name} is neither a folder nor a sound zip archive.") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{place} cannot be read: {getattr(error, 'strerror', error)}.") from error


def _entries(archive: zipfile.ZipFile) -> Iterator[tuple[str, int]]:
    for entry in archive.infolist():
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.flag_bits & 1 or kind not in (0, stat.S_IFREG):
            raise PackFault("It is encrypted, or no file.", entry.filename[:200])
        if entry.file_size > 4096 + LARGEST_RATIO * entry.compress_size:
            raise PackFault("It would unpack to far more than it takes.", entry.filename[:200])
        yield entry.filename, entry.file_size


def _folder(root: Path) -> Iterator[tuple[str, int]]:
    for place in root.rglob("*"):
        found = place.lstat()
        if stat.S_ISREG(found.st_mode):
            yield place.relative_to(root).as_posix(), found.st_size
        elif not stat.S_ISDIR(found.st_mode):
            raise PackFault("It is a link or a device, not a file.", place.relative_to(root).as_posix())


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    plain = name == str(path) == name.strip() and not path.is_absolute() and name != "."
    return plain and ".." not in path.parts and not {"\\", "\0"} & set(name)


def read_manifest(files: PackFiles) -> dict[str, Any]:
    """The manifest, its form checked and every file compared with it; nothing of it is trusted yet."""
    manifest = _parsed(files)
    _well_formed(manifest)
    named = {entry["path"]: entry for entry in manifest["files"]}
    for missing in sorted({SEAL, *named} - set(files.sizes)):
        raise PackFault("It is missing.", missing)
    for strange in sorted(set(files.sizes) - {MANIFEST, SEAL, *named}):
        raise PackFault("It is in the pack, and the manifest does not name it.", strange)
    for name, entry in named.items():
        if files.sizes[name] != entry.get("size") or files.digest(name) != entry.get("sha256"):
            raise PackFault("It is not the file that the manifest names: it was changed.", name)
    return manifest


def _parsed(files: PackFiles) -> dict[str, Any]:
    data = files.read(MANIFEST)
    try:
        manifest = read_json(data, what="The manifest")
        if not isinstance(manifest, Mapping) or canonical(manifest) != data:
            raise BadInput("The manifest is not in canonical form.")
    except Problem as error:
        raise PackFault(str(error), MANIFEST) from error
    return dict(manifest)


def _well_formed(manifest: Mapping[str, Any]) -> None:
    if (manifest.get("kind"), manifest.get("format")) != ("AuditorPack", 1):
        raise PackFault("It is no manifest of an auditor pack of format 1.", MANIFEST)
    forms = {"scope": Mapping, "log": Mapping, "counts": Mapping, "files": list, "outside": list}
    for name, form in forms.items():
        if not isinstance(manifest.get(name), form):
            raise PackFault(f'"{name}" is missing or of the wrong form.', MANIFEST)
    told = [entry.get("path") if isinstance(entry, Mapping) else None for entry in manifest["files"]]
    paths = [path for path in told if isinstance(path, str) and path not in (MANIFEST, SEAL)]
    if len(paths) != len(told):
        raise PackFault("The list of files names something that is no path.", MANIFEST)
    if paths != sorted(set(paths)):
        raise PackFault("The list of files is not in order, or names one twice.", MANIFEST)
