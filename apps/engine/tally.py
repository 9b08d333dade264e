"""One column as its values in order, each with the rows that hold it: all that checks of its shape need.

A `Tally` is made from a column, from a column with counts of equal rows, or by joining the tallies of parts
of a table. It may stand in a `Columns` in place of a column: whatever way it came about, equal values and
counts give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from apps.engine import kernels
from apps.engine.columns import MISSING, BoolArray, Column, Columns, FloatArray, IntArray, Kind, level_text
from apps.engine.errors import BadInput

HELD_BYTES = 512 << 20
_FEW_EDGES = 32
Values = npt.NDArray[np.float64]


class Tally:
    """The values of one column with their rows.

    Parameters
    ----------
    name : str
        The column's name.
    kind : {"number", "category", "boolean", "time"}
        As of a column; numbers have `values`, all others `levels`.
    values : float array
        Numbers. Without `counts` one for each row, in any order, NaN where missing; with `counts` different,
        ascending and without NaN.
    counts : int array, optional
        Rows of each value or level.
    blank : int
        Rows without a number, beside the NaN among `values`.
    levels : sequence of str
        Sorted text, ``"(missing)"`` last where it occurs.

    Examples
    --------
    >>> Tally("x", "number", np.array([2.0, 1.0, 2.0, np.nan])).below([1.0, 2.0]).tolist()
    [1, 3]
    """

    def __init__(
        self,
        name: str,
        kind: Kind,
        values: FloatArray | None = None,
        *,
        counts: IntArray | None = None,
        blank: int = 0,
        levels: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.kind = kind
        self._raw = np.zeros(0) if values is None else values
        self.counts = counts
        self._blank = blank
        self.levels = tuple(levels)
        self.kept = False

    def shed(self) -> None:
        """Let the sorted copy of the values go, unless a table keeps it for the next question."""
        if not self.kept and self.counts is None:
            self.__dict__.pop("ordered", None)

    def numbers(self) -> FloatArray:
        """Refuse: a tally has no rows."""
        raise BadInput(f'Column "{self.name}" is read as counts of its values here, not row by row.')

    # Numbers ----------------------------------------------------------------------------------------

    @cached_property
    def ordered(self) -> FloatArray:
        """The numbers, ascending, without NaN; each once where there are counts."""
        return self._raw if self.counts is not None else ascending(self._raw)

    @property
    def any_finite(self) -> bool:
        """Whether there is a finite number; asked without sorting."""
        return bool(np.isfinite(self._raw).any())

    @cached_property
    def missing(self) -> int:
        """Rows without a value."""
        if self.kind != "number":
            return int(self.counts[-1]) if MISSING in self.levels and self.counts is not None else 0
        if self.counts is not None:
            return self._blank
        known = len(self.ordered) if "ordered" in self.__dict__ else int((self._raw == self._raw).sum())
        return self._blank + len(self._raw) - known

    @property
    def rows(self) -> int:
        """All rows."""
        if self.counts is not None:
            return int(self.counts.sum()) + (self._blank if self.kind == "number" else 0)
        return len(self._raw) + self._blank

    @property
    def n(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @cached_property
    def _up_to(self) -> IntArray:
        """Rows up to each of the values that `ordered` lists, where there are counts."""
        return np.cumsum(np.asarray(self.counts, dtype=np.int64))

    def below(self, edges: FloatArray | Sequence[float]) -> IntArray:
        """Rows whose value is at most each edge."""
        if self.counts is None and "ordered" not in self.__dict__ and len(edges) <= _FEW_EDGES:
            return np.array([np.count_nonzero(self._raw <= edge) for edge in edges], dtype=np.int64)
        places = np.searchsorted(self.ordered, edges, side="right")
        if self.counts is None:
            return places.astype(np.int64)
        return np.concatenate((np.zeros(1, np.int64), self._up_to))[places]

    def ranked(self, ranks: IntArray) -> FloatArray:
        """The values at these ranks (0: the smallest), ascending ranks given."""
        if self.counts is not None:
            return self.ordered[np.searchsorted(self._up_to, ranks, side="right")]
        if "ordered" in self.__dict__ or len(ranks) > _FEW_EDGES or kernels.worth(len(self._raw)):
            return self.ordered[ranks]
        return np.partition(self._raw, ranks)[ranks] + 0.0

    def runs(self) -> tuple[FloatArray, IntArray]:
        """The different values, ascending, and the rows of each."""
        if self.counts is not None:
            return self.ordered, self.counts
        return run_lengths(self.ordered)

    def finite(self) -> Tally:
        """The same without infinite values; itself where there are none."""
        held = self.ordered
        low, high = np.searchsorted(held, -np.inf, side="right"), np.searchsorted(held, np.inf, side="left")
        if high - low == len(held):
            return self
        counts = None if self.counts is None else self.counts[low:high]
        return _sorted_tally(self.name, held[low:high], counts, self.missing)

    # Levels -----------------------------------------------------------------------------------------

    def rows_of(self) -> list[int]:
        """Rows of each of `levels`."""
        return [] if self.counts is None else self.counts.tolist()

    def by_level(self) -> dict[str, int]:
        """Rows of each level; numbers as their text."""
        if self.kind != "number":
            return dict(zip(self.levels, self.rows_of(), strict=True))
        values, counts = self.runs()
        found: dict[str, int] = {}
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            found[level_text(value)] = found.get(level_text(value), 0) + count
        return found | ({MISSING: self.missing} if self.missing else {})


def ascending(values: FloatArray) -> FloatArray:
    """The values sorted, NaN left out and -0 as 0: the same bytes whichever way they are sorted.

    Examples
    --------
    >>> ascending(np.array([2.0, np.nan, -0.0, -1.0])).tolist()
    [-1.0, 0.0, 2.0]
    """
    if kernels.worth(len(values)):
        from apps.engine.kernels.drift import sort_bits

        bits = np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)
        held = np.empty(len(bits), np.uint64)
        n = sort_bits(bits, np.empty(len(bits), np.uint64), held)
        if n >= 0:
            return held[:n].view(np.float64)
    found: Values = np.asarray(values, dtype=np.float64) + 0.0
    found.sort()
    return found[: np.searchsorted(found, np.nan)]


def run_lengths(ordered: FloatArray) -> tuple[FloatArray, IntArray]:
    """The different values of a sorted array and how often each stands there.

    Examples
    --------
    >>> [part.tolist() for part in run_lengths(np.array([1.0, 1.0, 3.0]))]
    [[1.0, 3.0], [2, 1]]
    """
    if not len(ordered):
        return ordered, np.zeros(0, np.int64)
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.diff(np.append(starts, len(ordered))).astype(np.int64)


def tally(column: Column | Tally, count: IntArray | None = None, *, nearest: bool = False) -> Tally:
    """The tally of a column, each row standing for `count` equal ones; a tally stays as it is.

    With `nearest`, whole numbers that float64 would round are rounded and not refused.

    Examples
    --------
    >>> table = Columns.of(s=["b", "a", "b"])
    >>> tally(table["s"], np.array([1, 1, 5])).by_level()
    {'a': 1, 'b': 6}
    """
    if isinstance(column, Tally):
        return column
    if column.kind != "number":
        coded = column.coded()
        counts = summed(coded.codes, count, len(coded.levels))
        kept = np.flatnonzero(counts) if count is not None else slice(None)
        levels = np.array(coded.levels, dtype=object)[kept]
        return Tally(column.name, column.kind, counts=counts[kept], levels=tuple(levels.tolist()))
    rounded = getattr(column, "nearest", None) if nearest else None
    numbers = column.numbers() if rounded is None else rounded
    if count is None:
        return Tally(column.name, "number", numbers)
    known: BoolArray = ~np.isnan(numbers) & (count > 0)
    values, codes = np.unique(numbers[known] + 0.0, return_inverse=True)
    blank = int(count[np.isnan(numbers)].sum())
    return Tally(column.name, "number", values, counts=summed(codes, count[known], len(values)), blank=blank)


def summed(codes: npt.NDArray[np.integer], count: IntArray | None, size: int) -> IntArray:
    """Rows by code, each row standing for `count` equal ones; exact.

    Examples
    --------
    >>> summed(np.array([0, 1, 0]), np.array([2, 3, 4]), 3).tolist()
    [6, 3, 0]
    """
    if count is None:
        return np.bincount(codes, minlength=size).astype(np.int64)
    found = np.zeros(size, dtype=np.int64)
    np.add.at(found, codes, count)
    return found


def joined(first: Tally, second: Tally) -> Tally:
    """The tally of two parts together; any order and any cut give the same.

    Examples
    --------
    >>> one, two = (Tally("x", "number", np.array(v)) for v in ([1.0, 2.0], [2.0, np.nan]))
    >>> both = joined(one, two)
    >>> both.ordered.tolist(), both.counts.tolist(), both.missing
    ([1.0, 2.0], [1, 2], 1)
    """
    if first.kind == "number" == second.kind:
        parts = first.runs(), second.runs()
        values, codes = np.unique(np.concatenate([values for values, _ in parts]), return_inverse=True)
        counts = summed(codes, np.concatenate([counts for _, counts in parts]), len(values))
        return _sorted_tally(first.name, values, counts, first.missing + second.missing)
    held = first.by_level()
    for level, rows in second.by_level().items():
        held[level] = held.get(level, 0) + rows
    levels = sorted(held.keys() - {MISSING}) + ([MISSING] if MISSING in held else [])
    kind: Kind = first.kind if first.kind == second.kind else "category"
    counts = np.array([held[level] for level in levels], dtype=np.int64)
    return Tally(first.name, kind, counts=counts, levels=levels)


def _sorted_tally(name: str, values: FloatArray, counts: IntArray | None, blank: int) -> Tally:
    found = Tally(name, "number", values, counts=counts, blank=blank)
    found.__dict__["ordered"] = values
    return found


def tallies(table: Columns, names: Sequence[str], count: IntArray | None = None) -> dict[str, Tally]:
    """The tallies of several columns; kept by the table while they are small, so that each is sorted once."""
    if count is not None:
        return {name: tally(table[name], count) for name in names}
    kept: dict[str, Tally] = table.__dict__.setdefault("_tallies", {})
    room = HELD_BYTES // max(1, 8 * table.rows)
    found = {name: kept[name] if name in kept else tally(table[name]) for name in names}
    for name in names:
        if name not in kept and len(kept) < room:
            kept[name] = found[name]
            found[name].kept = True
    return found
