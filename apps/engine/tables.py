"""Tables on disk → typed columns: CSV, gzip CSV and Parquet, told apart by content.

The same table gives the same columns whatever the file format and the coding: integers, strings,
booleans, categories and dates all arrive as one canonical text per level and one float64 per number.
Only an empty cell (or Parquet null, or NaN) is missing, and any text that the manifest declares so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from apps.engine import table_limits
from apps.engine.columns import Column, Columns
from apps.engine.csv_table import CsvFile, Folder
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.files import part_files
from apps.engine.parts import Parts
from apps.engine.process import is_ours
from apps.engine.resources import each
from apps.engine.table_column import TableColumn

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


class Table(Columns):
    """The columns of a table on disk, with the parts that a large one is read by.

    Attributes
    ----------
    parts : Parts or None
        None where the whole text of a small CSV is held.
    """

    parts: Parts | None = None


def open_table(path: Path, *, name: str, missing: Sequence[str] = ()) -> Table:
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
    _arrow_alone()
    parts = part_files(path, name=name)
    head = _head(parts[0], name)
    if path.is_dir() or head.startswith(b"PAR1"):
        return _parquet(parts, name=name, missing=tuple(missing))
    csv = CsvFile(path, name=name, zipped=head.startswith(b"\x1f\x8b"))
    few = csv.lines <= table_limits.HELD_ROWS and csv.lines * len(csv.header) <= table_limits.HELD_CELLS
    if few and csv.size <= table_limits.HELD_TEXT:
        text = csv.held()
        load = cast(Callable[[str], Column], lambda c: TableColumn(c, text.column(c), missing))
        return Table(csv.header, load, text.num_rows)
    folder = Folder()
    found = _parquet(csv.written(folder.path), name=name, missing=tuple(missing))
    folder.kept_by(found)
    return found


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not used here", name=fullname)


@cache
def _arrow_alone() -> None:
    """In a process of ours, let Arrow find no pandas: it would load it at the first text that it compares."""
    if is_ours() and "pandas" not in sys.modules:
        hidden = _NoPandas()
        sys.meta_path.insert(0, hidden)
        try:
            cast(Any, pc).equal(pa.array([""]), "")
        finally:
            sys.meta_path.remove(hidden)


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


def _parquet(paths: list[Path], *, name: str, missing: tuple[str, ...]) -> Table:
    for path in paths:
        if not _head(path, path.name).startswith(b"PAR1"):
            raise BadInput(f'{name}: "{path.name}" is not a Parquet file.')
    parts = Parts(paths, name=name)
    table_limits.distinct(parts.names, name)
    table_limits.within(parts.rows, len(parts.names), name)

    def load(column: str) -> Column:
        return _column(parts, column, missing)

    table = Table(parts.names, load, parts.rows)
    table.parts = parts
    return table


def _column(parts: Parts, column: str, missing: tuple[str, ...]) -> TableColumn:
    """A whole column; only where there is room for it."""
    if parts.rows > table_limits.HELD_VALUES:
        raise Unmeasurable(
            f"{parts.name} has {parts.rows:,} rows; this check takes rows, and at most "
            f"{table_limits.HELD_VALUES:,} values are held at once.",
            status="insufficient",
        )
    kind = parts.schema.field(column).type
    if pa.types.is_primitive(kind):
        read = each(lambda piece: list(parts.batches(piece, [column])), parts.pieces)
        held = [batch.column(0) for batches in read for batch in batches]
        return TableColumn(column, pa.chunked_array(held, type=kind), missing)
    chunks, total = [], 0
    for batch in (b for piece in parts.pieces for b in parts.batches(piece, [column])):
        total += batch.nbytes
        if total > table_limits.MAX_COLUMN_TEXT:
            raise BadInput(table_limits.too_much_text(column, parts.name))
        chunks.append(batch.column(0))
    kind = chunks[0].type if chunks else kind
    return TableColumn(column, pa.chunked_array(chunks, type=kind), missing)
