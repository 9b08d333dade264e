"""Look at a file by its content, whatever its name, and say whether opening it could run code.

Nothing is loaded, imported or unpickled. Content that is not known to be data only is refused:
the list below says what may pass, not what may not.

==================== ========================================================================
passes               ONNX, safetensors, XGBoost JSON and UBJ, LightGBM text, CSV and other plain
                     text, JSON, Parquet, Arrow, NumPy without objects, gzip of these, skops (to its
                     own typed loader)
is refused           pickle and joblib in any wrapping, content that is also a zip to whoever reads it so,
                     NumPy objects, HDF5, Keras Lambda, PyTorch
                     files, Python source and bytecode, programs and libraries, archive bombs,
                     archive paths that leave their folder, external tensors elsewhere, damaged
                     files, anything unknown
==================== ========================================================================
"""

from __future__ import annotations

import mmap
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from apps.engine.errors import BadInput
from apps.engine.scanning import archives, heads, onnx, pickles, streams, tensors
from apps.engine.scanning.report import Finding, Limits, Scan, conclude

__all__ = ["Finding", "Limits", "Scan", "refuse_code", "scan"]

DATA = frozenset(
    {"onnx", "safetensors", "xgboost-json", "xgboost-ubj", "lightgbm-text"}
    | {"text", "json", "parquet", "arrow", "npy", "npz", "skops"}
)
_PROGRAMS = {
    "elf": "a Linux program or library",
    "windows-program": "a Windows program or library",
    "mach-o": "a macOS program or library",
    "java-class": "Java bytecode or a macOS program",
    "java-object": "a serialized Java object",
    "webassembly": "a WebAssembly program",
    "script": "a script",
    "python-source": "Python source",
    "python-bytecode": "Python bytecode",
    "keras-lambda": "a Keras model with a Lambda layer, which is Python code",
    "hdf5": "an HDF5 file, which can hold a Keras Lambda layer",
}


def scan(path: Path | str, *, limits: Limits | None = None) -> Scan:
    """Scan one file, or every file of a folder.

    Parameters
    ----------
    path : Path or str
        A plain file, or a folder of plain files.
    limits : Limits, optional
        Bounds on members, sizes and ratios.

    Returns
    -------
    Scan
        `verdict` is ``"clean"`` only where the content is known to be data alone.

    Raises
    ------
    BadInput
        If the path cannot be read or is no plain file or folder.
    """
    path, limits = Path(path), limits or Limits()
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        return _folder(path, limits)
    if not stat.S_ISREG(mode):
        raise BadInput(f'"{path}" is not a plain file.')
    try:
        with path.open("rb") as stream:
            return _Scanner(limits, path.parent).stream(stream, path.name)
    except OSError as error:
        raise BadInput(f'"{path}" cannot be read: {error.strerror}.') from error


def refuse_code(path: Path | str) -> None:
    """Raise `BadInput` with the first reason unless the scan is clean."""
    outcome = scan(path)
    for finding in outcome.findings:
        if finding.severity == "refuse":
            raise BadInput(f"{finding.sentence} The file was refused without being opened.")


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError) as error:
        raise BadInput(f'"{path}" cannot be read: {getattr(error, "strerror", error)}.') from error


def _folder(path: Path, limits: Limits) -> Scan:
    inside = sorted(path.rglob("*"))[: limits.members + 1]
    found: list[Finding] = []
    files = []
    if len(inside) > limits.members:
        found.append(_found("archive-members", path.name, f"holds more than {limits.members} files"))
    for item in inside:
        name = item.relative_to(path).as_posix()
        if item.is_symlink() or not (item.is_dir() or item.is_file()):
            found.append(_found("special-member", name, "is a link or a special file"))
        elif item.is_file():
            files.append(name)
            found.extend(scan(item, limits=limits).findings)
    if not files:
        found.append(_found("empty", path.name, "holds no file"))
    return conclude("folder", found, tuple(files))


@contextmanager
def _mapped(stream: IO[bytes]) -> Iterator[Any]:
    """The content of a real file as bytes in place, without reading it into memory."""
    stream.seek(0, 2)
    if not stream.tell():
        yield b""
        return
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


class _Scanner:
    """One scan: its limits, the folder that external tensors may lie in, what was found."""

    def __init__(self, limits: Limits, folder: Path) -> None:
        self.limits, self.folder = limits, folder
        self.found: list[Finding] = []
        self.files: list[str] = []

    def stream(self, stream: IO[bytes], name: str) -> Scan:
        """Scan an open file."""
        kind = self._content(stream, name, 0)
        return conclude(kind, self.found, tuple(self.files))

    def _content(self, stream: IO[bytes], where: str, depth: int) -> str:
        with _mapped(stream) as data:
            kind = heads.kind_of(data)
            seen = pickles.pickle_findings(data, where, self.limits)
            self.found.extend(seen)
            if seen:
                return "pickle"
            self._plain(kind, data, where, depth)
            size = len(data)
        if kind == "zip" or (kind in ("unknown", "text", "json") and zipfile.is_zipfile(stream)):
            return self._zip(stream, where, size, depth)
        if archives.is_zip_too(stream):
            self._add(
                "two-formats",
                where,
                f"is {kind} and a zip archive at once; its content depends on who reads it",
            )
        if kind == "tar":
            return self._tar(stream, where, size, depth)
        if kind in streams.COMPRESSED:
            return self._compressed(stream, kind, where, size, depth)
        return kind

    def _plain(self, kind: str, data: Any, where: str, depth: int) -> None:
        """Findings on content that is no wrapping."""
        if kind in _PROGRAMS:
            self._add(kind, where, f"is {_PROGRAMS[kind]}; it can run code")
        elif kind == "onnx":
            folder = self.folder if depth == 0 else None
            found, files = onnx.onnx_findings(data, where, folder, self.limits)
            self.found.extend(found)
            self.files.extend(files)
        elif kind == "safetensors":
            self.found.extend(tensors.safetensors_findings(data, where, self.limits))
        elif kind == "npy":
            self.found.extend(tensors.npy_findings(data, where))
        elif kind in ("text", "json"):
            self._textual(data, where)
        elif kind == "empty":
            self._add("empty", where, "is empty")
        elif kind not in DATA and kind not in streams.COMPRESSED and kind not in ("zip", "tar"):
            self._add("unknown", where, _UNKNOWN.get(kind, _UNKNOWN["unknown"]))

    def _textual(self, data: Any, where: str) -> None:
        if heads.has_keras_lambda(data):
            self._add("keras-lambda", where, f"is {_PROGRAMS['keras-lambda']}")
        elif heads.has_python_source(data):
            self._add("python-source", where, "is Python source; it can run code")

    def _compressed(self, stream: IO[bytes], kind: str, where: str, size: int, depth: int) -> str:
        if not self._deeper(where, depth):
            return kind
        stream.seek(0)
        try:
            with streams.unpacked(kind, stream, size, self.limits) as inner:
                return self._content(inner, where, depth + 1)
        except streams.Bomb as error:
            self._add("archive-ratio", where, f"is a bomb: {error}")
        except streams.Damaged:
            self._add("damaged", where, f"is damaged: it starts like {kind} but cannot be unpacked")
        return kind

    def _zip(self, stream: IO[bytes], where: str, size: int, depth: int) -> str:
        if not self._deeper(where, depth):
            return "zip"
        try:
            with zipfile.ZipFile(stream) as archive:
                members = archives.zip_members(archive)
                if not self._listed(members, size, where):
                    return "zip"
                return self._zip_content(archive, members, where, depth)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError):
            self._add("damaged", where, "is damaged: it looks like a zip but cannot be read")
        return "zip"

    def _zip_content(
        self, archive: zipfile.ZipFile, members: list[archives.Member], where: str, depth: int
    ) -> str:
        names = {m.name for m in members}
        kind = "skops" if "schema.json" in names and depth == 0 else "zip"
        kinds = {self._member(archive.open(m.name), m, where, kind, depth) for m in members}
        if kind == "zip" and kinds == {"npy"}:
            return "npz"
        if kind == "zip":
            self._add("unknown", where, "is an archive of a kind that is not known to hold data only")
        return kind

    def _member(self, reader: IO[bytes], member: archives.Member, where: str, kind: str, depth: int) -> str:
        name = f"{where}/{member.name}"
        with reader, streams.spilled(reader, max(member.packed, 1), self.limits) as inner:
            head = inner.read(4)
            if head == b"PK\x03\x04" and (kind != "skops" or depth > 0):
                self._add("nested-archive", name, "is an archive inside an archive")
                return "zip"
            inner_kind = self._content(inner, name, depth + 1) if member.size else "text"
        if kind == "skops" and inner_kind not in ("npy", "npz", "json", "text", "pickle"):
            self._add("unknown", name, f"has no place in a skops file ({inner_kind})")
        return inner_kind

    def _tar(self, stream: IO[bytes], where: str, size: int, depth: int) -> str:
        if not self._deeper(where, depth):
            return "tar"
        stream.seek(0)
        try:
            with archives.open_tar(stream) as archive:
                self._listed(archives.tar_members(archive, self.limits), size, where)
        except (OSError, ValueError, EOFError):
            self._add("damaged", where, "is damaged: it looks like a tar but cannot be read")
        self._add("unknown", where, "is a tar archive, which is not known to hold data only")
        return "tar"

    def _listed(self, members: list[archives.Member], size: int, where: str) -> bool:
        found = archives.listing_findings(members, size, where, self.limits)
        self.found.extend(found)
        return not found

    def _deeper(self, where: str, depth: int) -> bool:
        if depth < self.limits.depth:
            return True
        self._add("nested-archive", where, "is packed too many times over")
        return False

    def _add(self, code: str, where: str, what: str) -> None:
        self.found.append(_found(code, where, what))


_UNKNOWN = {
    "unknown": "is none of the formats known to hold data only",
    "lz4": "is compressed with lz4 and cannot be looked into",
    "zstandard": "is compressed with zstandard and cannot be looked into",
    "7z": "is a 7z archive and cannot be looked into",
    "rar": "is a rar archive and cannot be looked into",
}


def _found(code: str, where: str, what: str) -> Finding:
    return Finding(code=code, where=where, sentence=f"{where} {what}.")
