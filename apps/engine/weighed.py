"""One column as its values in order, each with the weight of its rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.engine.columns import Column, FloatArray, IntArray
from apps.engine.errors import Unmeasurable
from apps.engine.numeric import stable_sum
from apps.engine.tally import Tally, summed, tally


@dataclass(frozen=True, slots=True)
class Weighed:
    """The values or levels of a column with their rows and weights.

    Parameters
    ----------
    tally : Tally
        Values or levels with their rows, as without weights.
    mass, squares : float array
        Sums of the weights, and of their squares, at each of them.
    blank, blank_squares : float
        The same of the rows without a number.
    whole : bool
        Whether all weights are whole numbers, so that they may stand for repeated rows.
    """

    tally: Tally
    mass: FloatArray
    squares: FloatArray
    blank: float
    blank_squares: float
    whole: bool

    @property
    def total(self) -> float:
        """The weight of all rows with a value."""
        return stable_sum(self.mass)

    @property
    def size(self) -> float:
        """Rows with a value that would say as much if they weighed the same (Kish)."""
        return self.total**2 / stable_sum(self.squares)

    @property
    def whole_size(self) -> float:
        """As `size`, of all rows, with or without a value."""
        total = math.fsum([*self.mass.tolist(), self.blank])
        return total**2 / math.fsum([*self.squares.tolist(), self.blank_squares])

    @property
    def blank_share(self) -> float:
        """The share of the weight on rows without a value."""
        held = self.mass.tolist()
        blank = self.blank if self.tally.kind == "number" else (held[-1] if self.tally.missing else 0.0)
        whole = stable_sum(self.mass) + self.blank
        return blank / whole if whole else 0.0

    def up_to(self) -> FloatArray:
        """The weight up to each value."""
        return np.cumsum(self.mass)

    def below(self, edges: FloatArray | Sequence[float]) -> FloatArray:
        """The weight of rows whose value is at most each edge."""
        places = np.searchsorted(self.tally.ordered, edges, side="right")
        return np.concatenate((np.zeros(1), self.up_to()))[places]


def weighed(column: Column | Tally, weight: FloatArray, count: IntArray | None = None) -> Weighed:
    """A column with the weight of each row, which stands for `count` equal rows.

    The sums are functions of the different pairs of value and weight and of how many rows have each: the same
    bytes in any order, and for equal rows once with their count.

    Raises
    ------
    Unmeasurable
        Undefined: the column is read as counts of its values, without the weights of its rows.

    Examples
    --------
    >>> from apps.engine.columns import Columns
    >>> found = weighed(Columns.of(x=[2.0, 1.0, 2.0])["x"], np.array([1.0, 3.0, 0.5]))
    >>> found.mass.tolist(), round(found.size, 3)
    ([3.0, 1.5], 1.976)
    """
    if isinstance(column, Tally):
        raise Unmeasurable(
            f'Column "{column.name}" is read as counts of its values, without the weights of its rows.'
        )
    rows = np.ones(len(weight), np.int64) if count is None else count
    whole = bool((weight == np.floor(weight)).all())
    if column.kind != "number":
        coded = column.coded()
        counts = summed(coded.codes, rows, len(coded.levels))
        _, mass, squares = _grouped(coded.codes.astype(np.float64), weight, rows, len(coded.levels))
        held = Tally(column.name, column.kind, counts=counts, levels=coded.levels)
        return Weighed(held, mass, squares, 0.0, 0.0, whole)
    numbers = column.numbers()
    known = ~np.isnan(numbers)
    values, mass, squares = _grouped(numbers[known] + 0.0, weight[known], rows[known])
    _, blank, blank_squares = _grouped(np.zeros(int((~known).sum())), weight[~known], rows[~known], 1)
    found = tally(column, rows)
    kept = np.isin(values, found.ordered)
    return Weighed(found, mass[kept], squares[kept], float(blank[0]), float(blank_squares[0]), whole)


def _grouped(
    keys: FloatArray, weight: FloatArray, rows: IntArray, size: int | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The different keys, and the sums of weights and squares over the rows of each.

    With `size` the keys are 0 … size - 1 and each has a place.
    """
    order = np.lexsort((weight, keys))
    k, w = keys[order], weight[order]
    starts = np.ones(len(k), dtype=bool)
    starts[1:] = (k[1:] != k[:-1]) | (w[1:] != w[:-1])
    pair: npt.NDArray[np.intp] = np.cumsum(starts) - 1
    times = summed(pair, rows[order], int(starts.sum())).astype(np.float64)
    k, w = k[starts], w[starts]
    distinct, codes = np.unique(k, return_inverse=True)
    if size is not None:
        codes = k.astype(np.intp)
    length = len(distinct) if size is None else size
    mass = np.bincount(codes, weights=w * times, minlength=length).astype(np.float64)
    squares = np.bincount(codes, weights=w * w * times, minlength=length).astype(np.float64)
    return distinct, mass, squares
