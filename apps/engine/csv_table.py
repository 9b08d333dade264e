"""CSV text, plain or gzip → columns of text; strict about everything that could shift a cell."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as arrow_csv

from apps.engine import table_limits
from apps.engine.columns import Columns
from apps.engine.errors import BadInput
from apps.engine.table_column import TableColumn

_CHUNK = 1 << 20


def open_csv(path: Path, *, name: str, missing: tuple[str, ...], zipped: bool) -> Columns:
    """Read the columns of a CSV file."""
    text: Any = _unzipped(path, name) if zipped else None
    if text is None and path.stat().st_size > table_limits.MAX_TEXT:
        raise BadInput(f"{name} has more than {table_limits.MAX_TEXT >> 30} GiB; save it as Parquet.")
    _check_text(io.BytesIO(text) if zipped else path.open("rb"), name)
    header = _header(io.BytesIO(text) if zipped else path.open("rb"), name)
    source = pa.py_buffer(text) if zipped else pa.memory_map(str(path))
    table = _parse(source, header, name)
    table_limits.within(table.num_rows, len(header), name)
    return Columns(header, lambda column: TableColumn(column, table.column(column), missing), table.num_rows)


def _unzipped(path: Path, name: str) -> bytes:
    """The text of a gzip file, at most `table_limits.MAX_TEXT` bytes of it."""
    try:
        with gzip.open(path, "rb") as file:
            text = file.read(table_limits.MAX_TEXT + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise BadInput(f"{name} is a damaged or cut-off gzip file.") from problem
    if len(text) > table_limits.MAX_TEXT:
        raise BadInput(f"{name} unpacks to more than {table_limits.MAX_TEXT >> 30} GiB; save it as Parquet.")
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
            if line > table_limits.MAX_LINE:
                raise BadInput(f"{name} holds a line of more than {table_limits.MAX_LINE >> 20} MiB.")
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
    table_limits.distinct(header, name)
    return header


def _parse(source: Any, header: list[str], name: str) -> Any:
    """The table as text columns; a second, single-threaded pass finds the row of an error."""
    for threads in (True, False):
        try:
            return _read_csv(source, header, threads)
        except pa.ArrowInvalid as problem:
            found = table_limits.one_line(problem)
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
            use_threads=threads, block_size=table_limits.MAX_LINE if not threads else 1 << 22
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
