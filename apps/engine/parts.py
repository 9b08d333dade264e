"""A table in Parquet, read piece by piece: a file or a folder of parts, never whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from apps.engine import table_limits
from apps.engine.errors import BadInput

BATCH = 1 << 20
CELLS = 1 << 23
LEAST = 1 << 14
BUFFER = 1 << 17
MAPPED = 64 << 20
WIDE = 200
_last = threading.local()


@dataclass(frozen=True, slots=True)
class Piece:
    """A row group of one file: what one thread reads at a time."""

    file: int
    group: int
    first: int
    rows: int


class Parts:
    """The parts of a table, with their schema and their pieces.

    Parameters
    ----------
    paths : sequence of Path
        Parquet files of one schema.
    name : str
        What messages call the table.
    batch : int
        Rows read at once at most.
    """

    def __init__(self, paths: Sequence[Path], *, name: str, batch: int = BATCH) -> None:
        self.name = name
        self.paths = tuple(paths)
        self.batch = batch
        opened = [_opened(path) for path in self.paths]
        self._footers = [file.metadata for file in opened]
        for path, footer in zip(self.paths, self._footers, strict=True):
            _same_rows(footer, path)
        self.schema = opened[0].schema_arrow
        for path, file in zip(self.paths[1:], opened[1:], strict=True):
            _same_schema(self.schema, file.schema_arrow, path)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, as the first part names them."""
        return tuple(self.schema.names)

    @cached_property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(footer.num_rows for footer in self._footers)

    @cached_property
    def pieces(self) -> list[Piece]:
        """Every row group, with the row that it begins at."""
        found, first = [], 0
        for i, footer in enumerate(self._footers):
            for group in range(footer.num_row_groups):
                rows = footer.row_group(group).num_rows
                found.append(Piece(i, group, first, rows))
                first += rows
        return found

    @cached_property
    def _texts(self) -> frozenset[str]:
        return frozenset(field.name for field in self.schema if is_text(field.type))

    def batches(self, piece: Piece, columns: Sequence[str], *, coded: Sequence[str] = ()) -> Iterator[Any]:
        """The columns of a piece as record batches; text is read as dictionaries, so that it stays small.

        Raises
        ------
        BadInput
            The file is damaged, or gone; it holds text that is not UTF-8; or a batch of text would be larger
            than there is room for.
        """
        texts = [name for name in columns if name in self._texts]
        as_codes = [*coded] if len(self.names) >= WIDE else [*coded, *(n for n in texts if n not in coded)]
        rows = 0
        for batch in self._read(piece, columns, as_codes):
            rows += batch.num_rows
            for name in texts:
                self._room_for(name, batch.column(name))
                self._is_text(name, batch.column(name))
            yield batch
        if columns and rows != piece.rows:
            raise BadInput(
                f"{self.name}: {self.paths[piece.file].name} is a damaged Parquet file: a row group says "
                f"that it has {piece.rows:,} rows, and {rows:,} are there."
            )

    def _room_for(self, name: str, values: Any) -> None:
        most = table_limits.MAX_BATCH_TEXT
        size = text_bytes([values], most) if pa.types.is_dictionary(values.type) else values.nbytes
        if size > most:
            raise BadInput(
                f'{self.name}: the column "{name}" unpacks to {size / (1 << 30):.1f} GiB of text in '
                f"{len(values):,} rows; at most {table_limits.MAX_BATCH_TEXT >> 20} MiB are read at once."
            )

    def _is_text(self, name: str, values: Any) -> None:
        """Refuse bytes that are no UTF-8, which a file can hold whatever type it gives them."""
        try:
            (values.dictionary if pa.types.is_dictionary(values.type) else values).validate(full=True)
        except pa.ArrowInvalid as problem:
            raise BadInput(
                f'{self.name}: the column "{name}" holds bytes that are no UTF-8 text.'
            ) from problem

    def _read(self, piece: Piece, columns: Sequence[str], coded: Sequence[str]) -> Iterator[Any]:
        path = self.paths[piece.file]
        try:
            wide = len(self.names) >= WIDE and not coded
            footer = self._footers[piece.file]
            file = _kept(path, footer) if wide else _opened(path, metadata=footer, coded=coded)
            rows = max(LEAST, min(self.batch, CELLS // max(1, len(columns))))
            if piece.rows <= rows:
                yield from (
                    file.read_row_group(piece.group, columns=list(columns), use_threads=False)
                    .combine_chunks()
                    .to_batches()
                )
                return
            yield from file.iter_batches(
                batch_size=rows, row_groups=[piece.group], columns=list(columns), use_threads=False
            )
        except (pa.ArrowException, OSError) as problem:
            raise BadInput(
                f"{self.name}: {path.name} cannot be read: {table_limits.one_line(problem)}"
            ) from problem


def _same_rows(footer: Any, path: Path) -> None:
    """Refuse a footer whose sum is not that of its row groups: limits go by the one, reading by the other."""
    found = sum(footer.row_group(group).num_rows for group in range(footer.num_row_groups))
    if found != footer.num_rows:
        raise BadInput(
            f"{path.name} is a damaged Parquet file: it says that it has {footer.num_rows:,} rows, and its "
            f"row groups have {found:,}."
        )


def _kept(path: Path, footer: Any) -> Any:
    """The file as this thread opened it before: of a wide table, opening costs more than reading a column."""
    held: list[tuple[Any, Any]] = getattr(_last, "opened", [])
    for known, file in held:
        if known is footer:
            return file
    file = _opened(path, metadata=footer)
    _last.opened = [*held[-3:], (footer, file)]
    return file


def _opened(path: Path, *, metadata: Any = None, coded: Sequence[str] = ()) -> Any:
    """The file: a small one mapped; a large one not, as a mapping counts against the address space."""
    try:
        mapped = path.stat().st_size <= MAPPED
        return cast(Any, parquet.ParquetFile)(
            path, metadata=metadata, read_dictionary=list(coded) or None, memory_map=mapped,
            buffer_size=0 if mapped else BUFFER, pre_buffer=False,
        )  # fmt: skip
    except (pa.ArrowException, OSError) as problem:
        raise BadInput(
            f"{path.name} is a damaged or cut-off Parquet file: {table_limits.one_line(problem)}"
        ) from problem


def is_text(kind: Any) -> bool:
    """Whether a type of Arrow is text, plain or as a dictionary."""
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(values) or pa.types.is_large_string(values))


def text_bytes(chunks: Sequence[Any], limit: int) -> int:
    """What chunks of a dictionary of text take written out; within `limit`, an upper bound of it."""
    lengths = [pc.fill_null(pc.binary_length(chunk.dictionary), 0) for chunk in chunks]
    most = sum(
        (pc.max(length).as_py() or 0) * len(chunk) for length, chunk in zip(lengths, chunks, strict=True)
    )
    if most <= limit:
        return int(most)
    total = 0
    for length, chunk in zip(lengths, chunks, strict=True):
        codes = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
        total += int(length.to_numpy(zero_copy_only=False)[codes].sum(dtype="int64")) if len(codes) else 0
    return total


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
