"""Different rows of a few columns with how often each occurs: all that is kept of a table.

A `Summary` is canonical: its arrays depend on the rows that it sums up, and on nothing else. Which rows came
in which part, in which order the parts were merged and on how many threads leaves no trace.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from apps.engine import table_limits
from apps.engine.columns import FloatArray, IntArray
from apps.engine.errors import BadInput
from apps.engine.summaries.grid import FINEST, GRIDS, Grid, on_grid, rounded

Codes = npt.NDArray[np.int32]
Level = str | int | float | bool | None
Type = Literal["text", "integer", "number", "boolean"]
SCORES = ("score", "score_column")
VALUE = "value:"  # and the name of a column: its numbers by themselves
_DENSE = 1 << 23
_SAFE = 1 << 62
_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Summary:
    """The different tuples of a table's rows, in order, with counts.

    Parameters
    ----------
    keys : tuple of str
        Columns read as categories.
    types : tuple of str
        What the values of each key are on disk.
    levels : tuple of tuples
        The different values of each key that occur, ascending, None (missing) last.
    codes : tuple of int32 (m,)
        For each key, the place of the tuple's value among its levels.
    numbers : tuple of str
        Numbers read: ``score``, ``score_column``, ``target``, ``weight``, or one column's own values.
    at : tuple of float64 (m,)
        For each number, the tuple's value; NaN where missing, never -0.
    read_as : tuple of int
        For each number, what its cells were: 1 numbers, 2 truth values, 3 both, 0 nothing.
    count : int64 (m,)
        Rows of each tuple, at least 1.
    grid : int
        The place in `GRIDS` of the grid that the scores are on; 0: as they are.
    rows : int
        All rows.
    full : bool
        More tuples than the limit even on the coarsest grid: nothing is kept but `rows`.
    """

    keys: tuple[str, ...]
    types: tuple[Type, ...]
    levels: tuple[tuple[Level, ...], ...]
    codes: tuple[Codes, ...]
    numbers: tuple[str, ...] = ()
    at: tuple[FloatArray, ...] = ()
    read_as: tuple[int, ...] = ()
    count: IntArray
    grid: int = 0
    rows: int
    full: bool = False

    @property
    def tuples(self) -> int:
        """How many different tuples there are."""
        return len(self.count)


def summary_of(
    *,
    keys: Sequence[str] = (),
    types: Sequence[Type] = (),
    levels: Sequence[Sequence[Level]] = (),
    codes: Sequence[npt.NDArray[np.integer]] = (),
    numbers: Sequence[str] = (),
    at: Sequence[FloatArray] = (),
    read_as: Sequence[int] = (),
    rows: int,
    grid: int = 0,
    limit: int = 0,
) -> Summary:
    """Sum up the rows of a batch; see `Summary`. Levels may come in any order and need not all occur.

    Parameters
    ----------
    grid : int
        A grid that the whole table is known to need, if any.
    limit : int
        Tuples kept at most; 0: `table_limits.TUPLES`.

    Examples
    --------
    >>> found = summary_of(
    ...     keys=["sex"], types=["text"], levels=[["M", "F"]], codes=[np.array([0, 1, 0])], rows=3
    ... )
    >>> found.levels, found.count.tolist()
    ((('F', 'M'),), [1, 2])
    """
    ordered = [_ordered(held, code) for held, code in zip(levels, codes, strict=True)]
    raw = Summary(
        keys=tuple(keys),
        types=tuple(types),
        levels=tuple(held for held, _ in ordered),
        codes=tuple(code for _, code in ordered),
        numbers=tuple(numbers),
        at=tuple(_plain(values) for values in at),
        read_as=tuple(read_as),
        count=np.ones(rows, np.int64),
        grid=grid,
        rows=rows,
    )
    return _within(raw, limit, fresh=True)


def merged(parts: Sequence[Summary], *, limit: int = 0) -> Summary:
    """The summary of all rows of the parts; neither their order nor their cut matters.

    Raises
    ------
    BadInput
        The parts sum up different columns.
    """
    first = parts[0]
    for part in parts[1:]:
        if (part.keys, part.types, part.numbers) != (first.keys, first.types, first.numbers):
            raise BadInput("Two summaries speak of different columns and cannot be merged.")
    rows = sum(part.rows for part in parts)
    read_as = tuple(
        int(np.bitwise_or.reduce([p.read_as[i] for p in parts])) for i in range(len(first.numbers))
    )
    if any(part.full for part in parts):
        return _nothing(replace(first, rows=rows, read_as=read_as))
    if len(parts) == 1:
        return _within(first, limit)
    levels = tuple(_union([part.levels[k] for part in parts]) for k in range(len(first.keys)))
    grid = max(part.grid for part in parts)
    raw = Summary(
        keys=first.keys,
        types=first.types,
        levels=levels,
        codes=tuple(_recoded(parts, k, levels[k]) for k in range(len(first.keys))),
        numbers=first.numbers,
        at=tuple(np.concatenate([part.at[i] for part in parts]) for i in range(len(first.numbers))),
        read_as=read_as,
        count=np.concatenate([part.count for part in parts]),
        grid=grid,
        rows=rows,
    )
    return _within(raw, limit)


def _within(raw: Summary, most: int, *, fresh: bool = False) -> Summary:
    """The tuples grouped, on the finest grid on which they are no more than the limit."""
    limit = most or table_limits.TUPLES
    quantised = any(name in SCORES or name.startswith(VALUE) for name in raw.numbers)
    grids = range(raw.grid, len(GRIDS)) if quantised else range(1)
    for place in grids:
        found = _stepped(raw, place) or _grouped(
            replace(raw, grid=place, at=_on(raw, GRIDS[place])), fresh=fresh
        )
        if found.tuples <= limit:
            return found
        raw, fresh = found, False
    return _nothing(raw)


def placed(name: str, values: FloatArray, grid: Grid | None) -> FloatArray:
    """The numbers of that name on the grid; targets and weights stay as they are."""
    if name in SCORES:
        return on_grid(values, grid)
    return rounded(values, grid) if name.startswith(VALUE) else values


def _on(raw: Summary, grid: Grid | None) -> tuple[FloatArray, ...]:
    return tuple(placed(name, values, grid) for name, values in zip(raw.numbers, raw.at, strict=True))


def _nothing(raw: Summary) -> Summary:
    """What is left of a table with too many tuples."""
    none = np.zeros(0, np.int32)
    return replace(
        raw,
        levels=tuple(() for _ in raw.keys),
        codes=tuple(none for _ in raw.keys),
        at=tuple(np.zeros(0) for _ in raw.numbers),
        count=np.zeros(0, np.int64),
        grid=len(GRIDS) - 1,
        full=True,
    )


def _grouped(raw: Summary, *, fresh: bool) -> Summary:
    """Equal tuples made one, in order."""
    cell = _cells(raw)
    if not raw.numbers:
        chosen, count = _by_cell(cell, raw.count)
    elif len(raw.numbers) == 1 and fresh and (held := _by_score(cell, raw)) is not None:
        return held
    else:
        chosen, count = _by_order(cell, raw)
    return replace(
        raw,
        codes=tuple(code[chosen] for code in raw.codes),
        at=tuple(values[chosen] for values in raw.at),
        count=count,
    )


def _cells(raw: Summary, rows: slice = slice(None)) -> IntArray:
    """One number for the keys of each tuple, in the order of the levels."""
    cell, size = np.zeros(len(raw.count[rows]), np.int64), 1
    for code, held in zip((codes[rows] for codes in raw.codes), raw.levels, strict=True):
        if size * max(1, len(held)) >= _SAFE:
            known, cell = np.unique(cell, return_inverse=True)
            size = len(known)
        cell = cell * len(held) + code
        size *= max(1, len(held))
    return cell


def _packed(raw: Summary) -> bool:
    """Whether the number of a cell is made of its codes alone."""
    return math.prod(max(1, len(held)) for held in raw.levels) < _SAFE


def _by_cell(cell: IntArray, count: IntArray) -> tuple[npt.NDArray[np.intp], IntArray]:
    """For tuples without numbers: one row of each, and how many."""
    if not len(cell):
        return np.zeros(0, np.intp), np.zeros(0, np.int64)
    known, chosen, codes = np.unique(cell, return_index=True, return_inverse=True)
    return chosen, _sums(codes, count, len(known))


def _by_order(cell: IntArray, raw: Summary) -> tuple[npt.NDArray[np.intp], IntArray]:
    """For any tuples: sorted by keys, then by the numbers, missing ones last."""
    order = np.lexsort((*reversed(raw.at), cell))
    differs = np.zeros(len(order), dtype=bool)
    differs[:1] = True
    for values in (cell, *raw.at):
        bits = values[order].view(np.int64)
        differs[1:] |= bits[1:] != bits[:-1]
    starts = np.flatnonzero(differs)
    count = np.add.reduceat(raw.count[order], starts) if len(starts) else np.zeros(0, np.int64)
    return order[starts], count


def _stepped(raw: Summary, place: int) -> Summary | None:
    """For one score within [0, 1], to be put on a grid, and few cells: counted block by block, not sorted."""
    grid, cells = GRIDS[place], math.prod(max(1, len(held)) for held in raw.levels)
    if grid is None or len(raw.numbers) != 1 or raw.numbers[0] not in SCORES or not raw.tuples:
        return None
    width = grid.steps + 3
    if cells * width > _DENSE or not _is_share(raw.at[0]):
        return None
    sums = np.zeros(cells * width, np.int64)
    rows = max(_BLOCK, cells * width)
    for start in range(0, raw.tuples, rows):
        block = slice(start, start + rows)
        key = _cells(raw, block) * width + _steps(raw.at[0][block], grid)
        sums += _sums(key, raw.count[block], cells * width)
    held = np.flatnonzero(sums)
    middle = np.concatenate(([0.0], (np.arange(grid.steps) + 0.5) / grid.steps, [1.0, np.nan]))
    codes = _codes_of(raw, held // width)
    return replace(raw, codes=codes, at=(middle[held % width],), count=sums[held], grid=place)


def _is_share(values: FloatArray) -> bool:
    """Whether all that is there lies within [0, 1]."""
    least, most = np.fmin.reduce(values), np.fmax.reduce(values)
    return bool(np.isnan(least) or (least >= 0 and most <= 1))


def _steps(values: FloatArray, grid: Grid) -> IntArray:
    """0 for 0, then the steps, then 1, then missing; see `on_grid`."""
    missing = np.isnan(values)
    place = np.where(missing, 0.0, values)
    step = np.minimum((place * FINEST.steps).astype(np.int64), FINEST.steps - 1) // (
        FINEST.steps // grid.steps
    )
    step += place > 0.0
    step[place == 1.0] = grid.steps + 1
    step[missing] = grid.steps + 2
    return step


def _by_score(cell: IntArray, raw: Summary) -> Summary | None:
    """For one number of rows not yet counted and few cells: the numbers of each cell sorted by themselves."""
    cells = int(cell.max()) + 1 if len(cell) else 0
    if not 0 < cells <= 1 << 12 or not _packed(raw):
        return None
    rows = np.bincount(cell, minlength=cells)
    ends = np.cumsum(rows)
    values = raw.at[0][np.argsort(cell.astype(np.uint16), kind="stable")] if cells > 1 else raw.at[0].copy()
    for start, end in zip((ends - rows).tolist(), ends.tolist(), strict=True):
        values[start:end].sort()
    bits = values.view(np.int64)
    differs = np.ones(len(bits), dtype=bool)
    differs[1:] = bits[1:] != bits[:-1]
    differs[(ends - rows)[rows > 0]] = True
    starts = np.flatnonzero(differs)
    count = np.diff(np.append(starts, len(bits)))
    codes = _codes_of(raw, np.searchsorted(ends, starts, side="right"))
    return replace(raw, codes=codes, at=(values[starts],), count=count.astype(np.int64))


def _codes_of(raw: Summary, cell: IntArray | npt.NDArray[np.intp]) -> tuple[Codes, ...]:
    """The codes of each key in these cells."""
    found: list[Codes] = []
    rest = np.asarray(cell, dtype=np.int64)
    for held in reversed(raw.levels):
        rest, code = np.divmod(rest, max(1, len(held)))
        found.append(code.astype(np.int32))
    return tuple(reversed(found))


def _sums(codes: IntArray | npt.NDArray[np.intp], count: IntArray, size: int) -> IntArray:
    """Rows by code; exact, as float64 holds whole numbers up to 2⁵³."""
    return np.bincount(codes, weights=count, minlength=size).astype(np.int64)


def _plain(values: FloatArray) -> FloatArray:
    """The same numbers with one zero and one NaN."""
    found: FloatArray = np.asarray(values, dtype=np.float64) + 0.0
    found[np.isnan(found)] = np.nan
    return found


def sort_key(level: Level) -> tuple[bool, Any]:
    """The order of levels: None last."""
    return level is None, 0 if level is None else level


def _ordered(held: Sequence[Level], code: npt.NDArray[np.integer]) -> tuple[tuple[Level, ...], Codes]:
    """The levels that occur, each once and in order, and the codes among them."""
    occurs = np.bincount(code, minlength=len(held)) > 0
    levels = tuple(sorted({level for level, here in zip(held, occurs, strict=True) if here}, key=sort_key))
    place = {level: i for i, level in enumerate(levels)}
    lookup = np.array([place.get(level, 0) for level in held] or [0], dtype=np.int32)
    return levels, lookup[code]


def _union(held: Sequence[tuple[Level, ...]]) -> tuple[Level, ...]:
    return held[0] if len(set(held)) == 1 else tuple(sorted(set().union(*held), key=sort_key))


def _recoded(parts: Sequence[Summary], key: int, levels: tuple[Level, ...]) -> Codes:
    place = {level: i for i, level in enumerate(levels)}
    found = [
        np.array([place[level] for level in part.levels[key]] or [0], dtype=np.int32)[part.codes[key]]
        for part in parts
    ]
    return np.concatenate(found)
