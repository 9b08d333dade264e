"""Tables on disk → typed columns: CSV, gzip CSV and Parquet, told apart by content.

The same table gives the same columns whatever the file format and the coding: integers, strings,
booleans, categories and dates all arrive as one canonical text per level and one float64 per number.
Only an empty cell (or Parquet null, or NaN) is missing, and any text that the manifest declares so.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from apps.engine.columns import Columns
from apps.engine.errors import BadInput
from apps.engine.table_column import TableColumn

MAX_ROWS = 50_000_000
MAX_CELLS = 2_000_000_000
MAX_COLUMNS = 10_000
MAX_TEXT = 4 << 30
MAX_LINE = 16 << 20
_CHUNK = 1 << 20
_OTHERS = {
    b"PK\x03\x04": "a zip archive (perhaps a spreadsheet)",
    b"ORC": "an ORC file",
    b"ARROW1": "an Arrow file",
    b"\x93NUMPY": "a NumPy file",
    b"SQLite format 3": "an SQLite database",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file's bytes hash to, and how the file looked when they were read."""

    sha256: str
    state: tuple[int, int, int]


def open_table(path: Path, *, name: str, missing: Sequence[str] = ()) -> Columns:
    r"""The columns of a data file, or of a folder of Parquet parts.

    Parameters
    ----------
    path : Path
        A CSV (UTF-8, with a header), a gzip CSV, a Parquet file, or a folder of Parquet parts.
    name : str
        What messages call it.
    missing : sequence of str
        Texts that mean *missing* besides the empty cell.

    Raises
    ------
    BadInput
        For another format, an empty file, a repeated column name, a row with too few or too many
        cells, bytes that are not UTF-8, or more rows and cells than the budget.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.csv").write_text("sex,age\nF,31\nM,\n")
    >>> table = open_table(folder / "a.csv", name="a.csv")
    >>> table.rows, list(table), table["age"].coded().levels
    (2, ['sex', 'age'], ('31', '(missing)'))
    """
    parts = part_files(path, name=name)
    if path.is_dir() or _head(parts[0], name).startswith(b"PAR1"):
        return _parquet(parts, name=name, missing=tuple(missing))
    return _csv(path, name=name, missing=tuple(missing))


def part_files(path: Path, *, name: str) -> list[Path]:
    """The file itself, or the Parquet parts of a folder in the order of their names."""
    if not path.exists():
        raise BadInput(f"{name} does not exist.")
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadInput(f"{name} is not a regular file.")
    parts = sorted(p for p in path.iterdir() if not p.name.startswith((".", "_")))
    folder = next((p for p in parts if p.is_dir()), None)
    if folder is not None:
        raise BadInput(f'{name} holds the folder "{folder.name}"; Parquet parts must lie side by side.')
    if not parts:
        raise BadInput(f"{name} is a folder without any Parquet part.")
    return parts


def fingerprint(path: Path, *, name: str) -> Fingerprint:
    """SHA-256 over the bytes of a file; for a folder over the sorted names and digests of its parts."""
    parts = part_files(path, name=name)
    if path.is_file():
        return Fingerprint(_file_digest(path), _state(path))
    lines = "".join(f"{_file_digest(part)}  {part.name}\n" for part in parts)
    states = [_state(part) for part in parts]
    total = (len(states), sum(s[1] for s in states), max(s[2] for s in states))
    return Fingerprint(hashlib.sha256(lines.encode()).hexdigest(), total)


def unchanged(path: Path, before: Fingerprint, *, name: str) -> None:
    """Refuse a file whose size, identity or time changed since its digest was taken."""
    states = [_state(part) for part in part_files(path, name=name)]
    now = states[0] if path.is_file() else (len(states), sum(s[1] for s in states), max(s[2] for s in states))
    if now != before.state:
        raise BadInput(f"{name} changed while it was being read.")


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise BadInput(f"{path.name} is not a regular file.")
    return found.st_ino, found.st_size, found.st_mtime_ns


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise BadInput(f"{path.name} cannot be read: {os.strerror(problem.errno or 0)}.") from problem


def _head(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as problem:
        raise BadInput(f"{name} cannot be read: {os.strerror(problem.errno or 0)}.") from problem
    if not head:
        raise BadInput(f"{name} is an empty file.")
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise BadInput(f"{name} is {what}; a CSV, a gzip CSV or a Parquet file was expected.")
    return head


# Parquet ------------------------------------------------------------------------------------------


def _parquet(parts: list[Path], *, name: str, missing: tuple[str, ...]) -> Columns:
    files = [_parquet_file(part, name) for part in parts]
    schema, rows = files[0].schema_arrow, sum(f.metadata.num_rows for f in files)
    _distinct(schema.names, name)
    _within(rows, len(schema.names), name)
    for part, file in zip(parts[1:], files[1:], strict=True):
        _same_schema(schema, file.schema_arrow, part)

    def load(column: str) -> TableColumn:
        try:
            chunks = [c for f in files for c in f.read(columns=[column]).column(0).chunks]
        except (pa.ArrowException, OSError) as problem:
            raise BadInput(f'{name}: the column "{column}" cannot be read: {_one_line(problem)}') from problem
        values = pa.chunked_array(chunks, type=schema.field(column).type)
        return TableColumn(column, values, missing)

    return Columns(schema.names, load, rows)


def _parquet_file(path: Path, name: str) -> Any:
    head = _head(path, path.name)
    if not head.startswith(b"PAR1"):
        raise BadInput(f'{name}: "{path.name}" is not a Parquet file.')
    try:
        return cast(Any, parquet.ParquetFile)(path, memory_map=True)
    except (pa.ArrowException, OSError) as problem:
        raise BadInput(f"{path.name} is a damaged or cut-off Parquet file: {_one_line(problem)}") from problem


def _same_schema(first: Any, other: Any, part: Path) -> None:
    for field in first:
        if field.name not in other.names:
            raise BadInput(f'The part "{part.name}" lacks the column "{field.name}" of the first part.')
        found = other.field(field.name).type
        if found != field.type:
            raise BadInput(
                f'The column "{field.name}" is {found} in the part "{part.name}" '
                f"and {field.type} in the first part."
            )


# CSV ----------------------------------------------------------------------------------------------


def _csv(path: Path, *, name: str, missing: tuple[str, ...]) -> Columns:
    zipped = _head(path, name).startswith(b"\x1f\x8b")
    text: Any = _unzipped(path, name) if zipped else None
    if text is None and path.stat().st_size > MAX_TEXT:
        raise BadInput(f"{name} has more than {MAX_TEXT >> 30} GiB; save it as Parquet.")
    _check_text(io.BytesIO(text) if zipped else path.open("rb"), name)
    header = _header(io.BytesIO(text) if zipped else path.open("rb"), name)
    source = pa.py_buffer(text) if zipped else pa.memory_map(str(path))
    table = _parse(source, header, name)
    _within(table.num_rows, len(header), name)
    return Columns(header, lambda column: TableColumn(column, table.column(column), missing), table.num_rows)


def _unzipped(path: Path, name: str) -> bytes:
    """The text of a gzip file, at most `MAX_TEXT` bytes of it."""
    try:
        with gzip.open(path, "rb") as file:
            text = file.read(MAX_TEXT + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise BadInput(f"{name} is a damaged or cut-off gzip file.") from problem
    if len(text) > MAX_TEXT:
        raise BadInput(f"{name} unpacks to more than {MAX_TEXT >> 30} GiB; save it as Parquet.")
    if not text:
        raise BadInput(f"{name} is an empty file.")
    if text.startswith((b"PAR1", b"\x1f\x8b")):
        raise BadInput(f"{name} is a gzip file that does not hold CSV text.")
    return text


def _check_text(file: IO[bytes], name: str) -> None:
    """Refuse NUL bytes, a quotation mark left open, and lines without end."""
    quotes = line = 0
    with file:
        for chunk in _chunks(file):
            if b"\0" in chunk:
                raise BadInput(f"{name} holds NUL bytes; it is not CSV text.")
            quotes += chunk.count(b'"')
            last = chunk.rfind(b"\n")
            line = line + len(chunk) if last < 0 else len(chunk) - last
            if line > MAX_LINE:
                raise BadInput(f"{name} holds a line of more than {MAX_LINE >> 20} MiB.")
    if quotes % 2:
        raise BadInput(f'{name} holds an odd number of quotation marks ("): one of them is never closed.')


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _header(file: IO[bytes], name: str) -> list[str]:
    """The column names: the first record of the file."""
    with file:
        head = file.read(_CHUNK)
    try:
        text = head.decode("utf-8-sig", errors="strict" if len(head) < _CHUNK else "replace")
        header = next(csv.reader(io.StringIO(text, newline=""), strict=True))
    except UnicodeDecodeError as problem:
        raise BadInput(f"{name} is not UTF-8 text (byte {problem.start + 1}).") from problem
    except (StopIteration, csv.Error) as problem:
        raise BadInput(f"{name} has no header line.") from problem
    if not any(header):
        raise BadInput(f"{name} has no header line: the first line is blank.")
    _distinct(header, name)
    return header


def _parse(source: Any, header: list[str], name: str) -> Any:
    """The table as text columns; a second, single-threaded pass finds the row of an error."""
    for threads in (True, False):
        try:
            return _read_csv(source, header, threads)
        except pa.ArrowInvalid as problem:
            found = _one_line(problem)
    if "UTF8" in found:
        column = header[int(found.partition("column #")[2].partition(":")[0])]
        where = found.partition("Row #")[2].partition(":")[0]
        raise BadInput(f'{name}, line {where}: the column "{column}" holds bytes that are not UTF-8.')
    if "Row #" in found:
        row, _, rest = found.partition("Row #")[2].partition(": ")
        expected, _, got = rest.removeprefix("Expected ").partition(" columns, got ")
        cells = got.partition(":")[0]
        raise BadInput(f"{name}, line {row}: the header has {expected} cells, this line {cells}.")
    raise BadInput(f"{name} cannot be read as CSV: {found}")


def _read_csv(source: Any, header: list[str], threads: bool) -> Any:
    return arrow_csv.read_csv(
        pa.BufferReader(source) if isinstance(source, pa.Buffer) else _rewound(source),
        read_options=arrow_csv.ReadOptions(
            use_threads=threads, block_size=MAX_LINE if not threads else 1 << 22
        ),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(header) > 1),
        convert_options=arrow_csv.ConvertOptions(
            column_types={column: pa.string() for column in header},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _rewound(source: Any) -> Any:
    source.seek(0)
    return source


# Both ---------------------------------------------------------------------------------------------


def _distinct(names: Sequence[str], name: str) -> None:
    seen: set[str] = set()
    for column in names:
        if column in seen:
            raise BadInput(f'{name} has the column "{column}" twice.')
        seen.add(column)


def _within(rows: int, columns: int, name: str) -> None:
    if columns > MAX_COLUMNS:
        raise BadInput(f"{name} has {columns:,} columns; at most {MAX_COLUMNS:,} are read.")
    if rows > MAX_ROWS or rows * columns > MAX_CELLS:
        raise BadInput(
            f"{name} has {rows:,} rows of {columns:,} columns; at most {MAX_ROWS:,} rows "
            f"and {MAX_CELLS:,} cells are read."
        )


def _one_line(problem: BaseException) -> str:
    return " ".join(str(problem).split())[:300]
