"""Tables on disk → typed columns: CSV, gzip CSV and Parquet, told apart by content.

The same table gives the same columns whatever the file format and the coding: integers, strings,
booleans, categories and dates all arrive as one canonical text per level and one float64 per number.
Only an empty cell (or Parquet null, or NaN) is missing, and any text that the manifest declares so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as parquet

from apps.engine import table_limits
from apps.engine.columns import Columns
from apps.engine.csv_table import open_csv
from apps.engine.errors import BadInput
from apps.engine.files import part_files
from apps.engine.table_column import TableColumn

_BATCH = 1 << 16
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
    head = _head(parts[0], name)
    if path.is_dir() or head.startswith(b"PAR1"):
        return _parquet(parts, name=name, missing=tuple(missing))
    return open_csv(path, name=name, missing=tuple(missing), zipped=head.startswith(b"\x1f\x8b"))


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


def _parquet(parts: list[Path], *, name: str, missing: tuple[str, ...]) -> Columns:
    files = [_parquet_file(part, name) for part in parts]
    schema, rows = files[0].schema_arrow, sum(f.metadata.num_rows for f in files)
    table_limits.distinct(schema.names, name)
    table_limits.within(rows, len(schema.names), name)
    for part, file in zip(parts[1:], files[1:], strict=True):
        _same_schema(schema, file.schema_arrow, part)

    def load(column: str) -> TableColumn:
        try:
            chunks = [c for f in files for c in _read(f, column, schema.field(column).type)]
        except (pa.ArrowException, OSError) as problem:
            raise BadInput(
                f'{name}: the column "{column}" cannot be read: {table_limits.one_line(problem)}'
            ) from problem
        if sum(chunk.nbytes for chunk in chunks) > table_limits.MAX_COLUMN_TEXT:
            raise BadInput(table_limits.too_much_text(column, name))
        values = pa.chunked_array(chunks, type=schema.field(column).type)
        return TableColumn(column, values, missing)

    return Columns(schema.names, load, rows)


def _read(file: Any, column: str, kind: Any) -> Iterator[Any]:
    """One column; text in batches, so that little of what is too much is ever unpacked."""
    if pa.types.is_primitive(kind):
        yield from file.read(columns=[column]).column(0).chunks
        return
    total = 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=[column], use_threads=False):
        total += batch.nbytes
        yield batch.column(0)
        if total > table_limits.MAX_COLUMN_TEXT:
            return


def _parquet_file(path: Path, name: str) -> Any:
    head = _head(path, path.name)
    if not head.startswith(b"PAR1"):
        raise BadInput(f'{name}: "{path.name}" is not a Parquet file.')
    try:
        return cast(Any, parquet.ParquetFile)(path, memory_map=True)
    except (pa.ArrowException, OSError) as problem:
        raise BadInput(
            f"{path.name} is a damaged or cut-off Parquet file: {table_limits.one_line(problem)}"
        ) from problem


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
