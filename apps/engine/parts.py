"""A table in Parquet, read piece by piece: a file or a folder of parts, never whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
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

    def batches(self, piece: Piece, columns: Sequence[str], *, coded: Sequence[str] = ()) -> Iterator[Any]:
        """The columns of a piece as record batches, those in `coded` as dictionaries where they are text.

        Raises
        ------
        BadInput
            The file is damaged, or gone.
        """
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
