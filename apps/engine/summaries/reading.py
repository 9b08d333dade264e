"""Batches of a table → summaries of it: every layout in one pass, on threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from apps.engine import table_limits
from apps.engine.columns import Columns, FloatArray, Kind
from apps.engine.dataset import DataSet
from apps.engine.errors import BadInput, Problem
from apps.engine.parts import Parts, Piece
from apps.engine.resources import current, each
from apps.engine.summaries.layout import AT_LEAST, Layout
from apps.engine.summaries.summary import VALUE, Level, Summary, Type, merged, summary_of
from apps.engine.table_column import TableColumn, Traits

TILE = 1 << 16
MOST = 8  # pieces at once: each holds a batch
_TOGETHER = 5 / 4  # of the limit: then what is held is merged
_THREADED = frozenset({"onnx"})
Found = dict[Layout, Summary | Problem]


def gather(
    data: DataSet, layouts: Sequence[Layout], *, limit: int = 0, pieces: Sequence[Piece] | None = None
) -> Found:
    """The summary of a data set under each layout, or the reason why there is none.

    Parameters
    ----------
    data : DataSet
        With parts.
    limit : int
        Tuples kept for each layout at most; 0: `table_limits.TUPLES`.
    pieces : sequence of Piece, optional
        Only these row groups.
    """
    wanted, limit = list(dict.fromkeys(layouts)), limit or table_limits.TUPLES
    parts = data.parts
    reader = _Reader(data, parts, wanted, limit)
    chosen = parts.pieces if pieces is None else pieces
    held = {layout: _Held(reader.nothing(layout), limit) for layout in wanted}
    many = min(current().workers, MOST)
    for start in range(0, len(chosen), many):
        read = partial(reader.piece, grids={layout: part.grid for layout, part in held.items()})
        for found in each(read, chosen[start : start + many]):
            for layout, part in found.items():
                held[layout].add(part)
    data.unchanged()
    return {layout: part.result() for layout, part in held.items()}


@dataclass(slots=True)
class _Held:
    """Summaries of parts, merged when they are many; the first problem stays."""

    first: Summary
    limit: int
    parts: list[Summary] = field(default_factory=list)
    problem: Problem | None = None

    @property
    def grid(self) -> int:
        return max((part.grid for part in self.parts), default=0)

    def add(self, part: Summary | Problem) -> None:
        if self.problem is not None:
            return
        if isinstance(part, Problem):
            self.problem, self.parts = part, []
            return
        self.parts.append(part)
        if len(self.parts) > 1 and sum(one.tuples for one in self.parts) > _TOGETHER * self.limit:
            held, self.parts = self.parts, []
            self.parts = [merged(held, limit=self.limit)]

    def result(self) -> Summary | Problem:
        return self.problem or merged([self.first, *self.parts], limit=self.limit)


class _Reader:
    """Makes summaries of the pieces of one data set; many threads may use it."""

    def __init__(self, data: DataSet, parts: Parts, layouts: Sequence[Layout], limit: int) -> None:
        self._data, self._parts, self._layouts, self._limit = data, parts, layouts, limit
        keys = {key for layout in layouts for key in layout.keys} - {AT_LEAST}
        self._numbers = _sources(data, layouts)
        self._features = _features(data) if "model" in self._numbers.values() else ()
        columns = {*keys, *self._features, *(set(self._numbers.values()) - {"model"})}
        self._columns = [name for name in parts.names if name in columns]
        numeric = {*self._features, *self._numbers.values()}
        self._coded = [name for name in self._columns if name not in numeric]
        self._types = {name: _type(parts.schema.field(name).type) for name in keys}
        self._kinds = kinds(data, [name for name in self._features if name in parts.names])
        self._turn = threading.Lock()

    def nothing(self, layout: Layout) -> Summary:
        """The summary of no rows."""
        return summary_of(
            keys=layout.keys,
            types=[self._type(key) for key in layout.keys],
            levels=[() for _ in layout.keys],
            codes=[np.zeros(0, np.int32) for _ in layout.keys],
            numbers=layout.numbers,
            at=[np.zeros(0) for _ in layout.numbers],
            read_as=[0 for _ in layout.numbers],
            rows=0,
        )

    def piece(self, piece: Piece, grids: Mapping[Layout, int]) -> Found:
        """One piece under every layout."""
        held = {layout: _Held(self.nothing(layout), self._limit) for layout in self._layouts}
        first = piece.first
        for batch in self._parts.batches(piece, self._columns, coded=self._coded):
            read = _Batch(self, batch, first)
            for layout in self._layouts:
                grid = max(held[layout].grid, grids[layout])
                held[layout].add(self._sum_up(read, layout, grid))
            first += batch.num_rows
        return {layout: part.result() for layout, part in held.items()}

    def _sum_up(self, read: _Batch, layout: Layout, grid: int) -> Summary | Problem:
        try:
            coded = [read.coded(key) for key in layout.keys]
            numbers = [read.numbers(name) for name in layout.numbers]
        except Problem as problem:
            return problem
        return summary_of(
            keys=layout.keys,
            types=[self._type(key) for key in layout.keys],
            levels=[levels for _, levels in coded],
            codes=[codes for codes, _ in coded],
            numbers=layout.numbers,
            at=[values for values, _ in numbers],
            read_as=[read_as for _, read_as in numbers],
            rows=read.rows,
            grid=grid,
            limit=self._limit,
        )

    def column(self, batch: Any, name: str, first: int) -> TableColumn:
        """A column of a batch."""
        values = pa.chunked_array([batch.column(name)])
        return TableColumn(name, values, self._data.spec.missing, kind=self._kinds.get(name), first=first)

    def source(self, name: str) -> str:
        """The column that a number is read from, or ``"model"``."""
        return self._numbers[name]

    @property
    def threshold(self) -> float:
        """What a score is compared with."""
        decision = self._data.spec.decision
        return float("nan") if decision is None or decision.threshold is None else decision.threshold

    def scored(self, batch: Any, first: int) -> FloatArray:
        """The model's score of each row, in tiles of one size: it does not hang on the cut into batches."""
        model, features = self._data.model, self._data.features
        found = np.empty(batch.num_rows)
        for start in range(0, batch.num_rows, TILE):
            tile = batch.slice(start, TILE)
            rows = tile.num_rows
            whole = tile if rows == TILE else tile.take(pa.array(np.resize(np.arange(rows), TILE)))
            table = self._table(whole, tuple(features), first + start)
            if model is None:
                raise BadInput("The manifest names no artifact to run.")
            if model.format in _THREADED:
                scores = model.score(table)
            else:
                with self._turn:
                    scores = model.score(table)
            found[start : start + rows] = scores[:rows]
        return found

    def _table(self, batch: Any, features: Sequence[str], first: int) -> Columns:
        return Columns(features, lambda name: self.column(batch, name, first), batch.num_rows)

    def _type(self, key: str) -> Type:
        return "boolean" if key == AT_LEAST else self._types[key]


class _Batch:
    """The columns of one batch, each read once."""

    def __init__(self, reader: _Reader, batch: Any, first: int) -> None:
        self._reader, self._batch, self._first = reader, batch, first
        self._coded: dict[str, tuple[npt.NDArray[np.int32], list[Level]]] = {}
        self._numbers: dict[str, tuple[FloatArray, int]] = {}
        self.rows = batch.num_rows

    def coded(self, key: str) -> tuple[npt.NDArray[np.int32], list[Level]]:
        """Codes and levels of a column, any order."""
        if key not in self._coded:
            self._coded[key] = self._at_least() if key == AT_LEAST else self._levels(key)
        return self._coded[key]

    def _at_least(self) -> tuple[npt.NDArray[np.int32], list[Level]]:
        score = self.numbers("score")[0]
        codes = (score >= self._reader.threshold).astype(np.int32)
        codes[~np.isfinite(score)] = 2
        return codes, [False, True, None]

    def _levels(self, key: str) -> tuple[npt.NDArray[np.int32], list[Level]]:
        values = self._batch.column(key)
        if not pa.types.is_dictionary(values.type):
            codes, levels = _encoded(self._reader.column(self._batch, key, self._first))
            return codes, levels
        words = pa.record_batch([values.dictionary], names=[key])
        of, levels = _encoded(self._reader.column(words, key, 0))
        index = values.indices.fill_null(len(of)).to_numpy(zero_copy_only=False)
        return np.append(of, len(levels) - 1).astype(np.int32)[index], levels

    def numbers(self, name: str) -> tuple[FloatArray, int]:
        """The values of a number, and what its cells were (see `Summary`)."""
        if name not in self._numbers:
            source = self._reader.source(name)
            if source == "model":
                self._numbers[name] = self._reader.scored(self._batch, self._first), 1
            else:
                column = self._reader.column(self._batch, source, self._first)
                self._numbers[name] = column.numbers(), _read_as(column)
        return self._numbers[name]


def _encoded(column: TableColumn) -> tuple[npt.NDArray[np.int32], list[Level]]:
    """Codes of a column and their levels, the last of them None."""
    encoded = column.values.combine_chunks().dictionary_encode()
    levels: list[Level] = [_level(value) for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.fill_null(len(levels)).to_numpy(zero_copy_only=False)
    return np.asarray(codes, dtype=np.int32), [*levels, None]


def _level(value: Any) -> Level:
    if isinstance(value, float):
        return None if value != value else value + 0.0
    level: Level = value
    return level


def _read_as(column: TableColumn) -> int:
    """1 where the cells of a column of text were numbers, 2 where true and false; 0 where none was there."""
    if not pa.types.is_string(column.values.type):
        return 1
    if column.values.null_count == len(column.values):
        return 0
    return 2 if column.traits.boolean else 1


def _type(kind: Any) -> Type:
    """What the values of a column are once they are read; text for anything that is no number."""
    if pa.types.is_dictionary(kind):
        return _type(kind.value_type)
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    return "number" if pa.types.is_floating(kind) or pa.types.is_decimal(kind) else "text"


def _sources(data: DataSet, layouts: Sequence[Layout]) -> dict[str, str]:
    """Where each number that the layouts need is read from."""
    spec = data.spec
    names = {name for layout in layouts for name in layout.numbers}
    if any(AT_LEAST in layout.keys for layout in layouts):
        names.add("score")
    score = "model" if data.has_model else spec.score
    every = {"score": score, "score_column": spec.score, "target": spec.label, "weight": spec.weight}
    return {name: name.removeprefix(VALUE) if name.startswith(VALUE) else every[name] or "" for name in names}


def _features(data: DataSet) -> tuple[str, ...]:
    return tuple(data.model.features) if data.model is not None else ()


def kinds(data: DataSet, columns: Sequence[str]) -> dict[str, Kind]:
    """The kind of each column of text as a whole: a batch alone may look like numbers where others do not."""
    parts = data.parts
    texts = [name for name in columns if _type(parts.schema.field(name).type) == "text"]
    if not texts:
        return {}

    def traits(piece: Piece) -> dict[str, Traits]:
        found = {name: Traits() for name in texts}
        for batch in parts.batches(piece, texts):
            for name in texts:
                column = TableColumn(name, pa.chunked_array([batch.column(name)]), data.spec.missing)
                found[name] &= column.traits
        return found

    every = each(traits, parts.pieces)
    whole = {name: Traits() for name in texts}
    for found in every:
        whole = {name: whole[name] & found[name] for name in texts}
    return {name: found.kind for name, found in whole.items()}
