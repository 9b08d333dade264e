"""A table in Parquet, read piece by piece: a file or a folder of parts, never whole."""

from __future__ import annotations

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
BUFFER = 1 << 20
MAPPED = 64 << 20


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
        self._footers = [_opened(path).metadata for path in self.paths]
        self.schema = self._footers[0].schema.to_arrow_schema()

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
            file = _opened(path, metadata=self._footers[piece.file], coded=coded)
            if piece.rows <= self.batch:
                yield from (
                    file.read_row_group(piece.group, columns=list(columns), use_threads=False)
                    .combine_chunks()
                    .to_batches()
                )
                return
            yield from file.iter_batches(
                batch_size=self.batch, row_groups=[piece.group], columns=list(columns), use_threads=False
            )
        except (pa.ArrowException, OSError) as problem:
            raise BadInput(
                f"{self.name}: {path.name} cannot be read: {table_limits.one_line(problem)}"
            ) from problem


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
