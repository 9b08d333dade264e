"""CSV text, plain or gzip → columns of text; strict about everything that could shift a cell."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from apps.engine import table_limits
from apps.engine.errors import BadInput

_CHUNK = 1 << 20
_GROUP, _BYTES = 1 << 20, 128 << 20
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


class CsvFile:
    """A CSV file that was read once to see that it is one.

    Attributes
    ----------
    header : list of str
        The column names.
    lines : int
        Line ends: no fewer than the rows, give or take the last.
    size : int
        Bytes of the text, unpacked.
    """

    def __init__(self, path: Path, *, name: str, zipped: bool) -> None:
        self._path, self._name, self._zipped = path, name, zipped
        if path.stat().st_size > table_limits.MAX_TEXT:
            raise BadInput(f"{name} has more than {table_limits.MAX_TEXT >> 30} GiB; save it as Parquet.")
        with _opened(path, zipped) as file:
            spans_lines, self.lines, self.size = _check_text(file, name)
        with _opened(path, zipped) as file:
            self.header = _header(file, name)
        if spans_lines:
            with _opened(path, zipped) as file:
                _strictly_quoted(file, name)

    def held(self) -> Any:
        """The whole table as text columns."""
        return _parse(_source(self._path, self._zipped), self.header, self._name)

    def written(self, folder: Path) -> list[Path]:
        """The table as Parquet parts of text, written block by block into a folder.

        Raises
        ------
        BadInput
            A row with too few or too many cells, or bytes that are not UTF-8.
        """
        schema = pa.schema([(column, pa.string()) for column in self.header])
        parts: list[Path] = []
        try:
            with _opened(self._path, self._zipped) as file:
                reader = arrow_csv.open_csv(file, **_options(self.header, False))
                for batches in _together(reader):
                    parts.append(folder / f"{len(parts):06}.parquet")
                    parquet.write_table(pa.Table.from_batches(batches, schema), parts[-1], compression="zstd")
        except pa.ArrowInvalid as problem:
            _refuse(table_limits.one_line(problem), self.header, self._name)
        return parts


class Folder:
    """A temporary folder that goes when the table made of it does."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="countersign-table-"))
        self._ends = weakref.finalize(self, shutil.rmtree, self.path, True)

    def kept_by(self, table: object) -> None:
        """Tie its life to a table's."""
        table.__dict__["_folder"] = self


def _together(reader: Any) -> Iterator[list[Any]]:
    """Batches, as many as make a row group."""
    held: list[Any] = []
    for batch in reader:
        held.append(batch)
        if sum(part.num_rows for part in held) >= _GROUP or sum(part.nbytes for part in held) > _BYTES:
            yield held
            held = []
    yield held


def _opened(path: Path, zipped: bool) -> Any:
    return gzip.open(path, "rb") if zipped else path.open("rb")


def _source(path: Path, zipped: bool) -> Any:
    """The text for Arrow; of a gzip file it was seen before that it is not too long."""
    if not zipped:
        return pa.memory_map(str(path))
    with gzip.open(path, "rb") as file:
        return pa.py_buffer(file.read())


def _check_text(file: IO[bytes], name: str) -> tuple[bool, int, int]:
    """Refuse NUL bytes, a quotation mark left open, too much text, and lines without end.

    Returns
    -------
    tuple of bool, int and int
        Whether a line ends within quotation marks, how many lines end, and how many bytes there are.
    """
    quotes = line = total = lines = 0
    spans_lines = False
    for chunk in _chunks(file, name):
        if not total and chunk.startswith((b"PAR1", b"\x1f\x8b")):
            raise BadInput(f"{name} is a gzip file that does not hold CSV text.")
        if b"\0" in chunk:
            raise BadInput(f"{name} holds NUL bytes; it is not CSV text.")
        total += len(chunk)
        lines += chunk.count(b"\n")
        if total > table_limits.MAX_TEXT:
            raise BadInput(
                f"{name} unpacks to more than {table_limits.MAX_TEXT >> 30} GiB; save it as Parquet."
            )
        spans_lines = spans_lines or (
            (b'"' in chunk or quotes % 2 == 1) and _line_end_in_quotes(chunk, quotes)
        )
        quotes += chunk.count(b'"')
        last = chunk.rfind(b"\n")
        line = line + len(chunk) if last < 0 else len(chunk) - last
        if line > table_limits.MAX_LINE:
            raise BadInput(f"{name} holds a line of more than {table_limits.MAX_LINE >> 20} MiB.")
    if not total:
        raise BadInput(f"{name} is an empty file.")
    if quotes % 2:
        raise BadInput(f'{name} holds an odd number of quotation marks ("): one of them is never closed.')
    return spans_lines, lines, total


def _line_end_in_quotes(chunk: bytes, before: int) -> bool:
    if b'"' not in chunk and before % 2 == 0:
        return False
    held = np.frombuffer(chunk, dtype=np.uint8)
    counted = np.cumsum(held == ord('"'), dtype=np.int64)[held == ord("\n")]
    return bool(((counted + before) % 2).any())


def _strictly_quoted(file: IO[bytes], name: str) -> None:
    """Refuse text after a closing quotation mark: a stray one would swallow rows."""
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    reader = csv.reader(text, strict=True)
    try:
        for _ in reader:
            pass
    except csv.Error as problem:
        raise BadInput(
            f'{name}, line {reader.line_num}: a quotation mark (") stands where no cell begins or ends; '
            "within a cell it is written twice."
        ) from problem
    finally:
        text.detach()


def _chunks(file: IO[bytes], name: str) -> Iterator[bytes]:
    try:
        while chunk := file.read(_CHUNK):
            yield chunk
    except (OSError, EOFError, zlib.error) as problem:
        raise BadInput(f"{name} is a damaged or cut-off gzip file.") from problem


def _header(file: IO[bytes], name: str) -> list[str]:
    """The column names: the first record of the file."""
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
    other = next((word for sign, word in _SEPARATORS.items() if len(header) == 1 and sign in header[0]), None)
    if other is not None:
        raise BadInput(f"{name}: the cells are separated by {other}; save it with commas.")
    table_limits.distinct(header, name)
    table_limits.within(0, len(header), name)
    return header


def _parse(source: Any, header: list[str], name: str) -> Any:
    """The table as text columns; a second, single-threaded pass finds the row of an error."""
    for threads in (True, False):
        try:
            return _read_csv(source, header, threads)
        except pa.ArrowInvalid as problem:
            found = table_limits.one_line(problem)
        if "Empty CSV file" in found:  # a header that no line end follows
            return pa.table({column: pa.array([], pa.string()) for column in header})
    _refuse(found, header, name)


def _refuse(found: str, header: list[str], name: str) -> NoReturn:
    """What Arrow says of a CSV, as a sentence."""
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
        **_options(header, threads),
    )


def _options(header: list[str], threads: bool) -> dict[str, Any]:
    return {
        "read_options": arrow_csv.ReadOptions(
            use_threads=threads, block_size=table_limits.MAX_LINE if not threads else 1 << 22
        ),
        "parse_options": arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(header) > 1),
        "convert_options": arrow_csv.ConvertOptions(
            column_types={column: pa.string() for column in header},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    }


def _rewound(source: Any) -> Any:
    source.seek(0)
    return source
