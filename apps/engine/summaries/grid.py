"""The steps that scores are put on where too many of them are different.

Scores within [0, 1] go to the middle of one of Q equal steps; 0 and 1 themselves stay. Scores outside keep
their sign, their exponent and the first bits of their fraction. The steps of each coarser grid are whole
steps of the finer one, so that it does not matter when a score is made coarse: once, or twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from apps.engine.columns import FloatArray

FRACTION_BITS = 52


@dataclass(frozen=True, slots=True)
class Grid:
    """One grid: equal steps within [0, 1], bits kept of the fraction outside.

    Attributes
    ----------
    steps : int
        Q: 65,520 = 2⁴ · 3² · 5 · 7 · 13 steps hold bins of 10, 12, 15, 20 and 30 equal widths.
    bits : int
        The first bits of a float64's fraction that are kept outside [0, 1].
    value_bits : int
        The same for numbers that are no scores, wherever they lie.
    """

    steps: int
    bits: int
    value_bits: int

    @property
    def shift(self) -> float:
        """The farthest that a score within [0, 1] is moved."""
        return 0.5 / self.steps


FINEST = Grid(65_520, 9, 16)
GRIDS: tuple[Grid | None, ...] = (None, FINEST, Grid(5_040, 7, 12), Grid(720, 5, 9), Grid(240, 3, 6))


def on_grid(scores: FloatArray, grid: Grid | None) -> FloatArray:
    """The scores on the grid; missing and infinite ones stay, as do 0 and 1.

    Examples
    --------
    >>> on_grid(np.array([0.0, 0.1, 0.1000001, 1.0, 3.14159]), GRIDS[4]).tolist()
    [0.0, 0.10208333333333333, 0.10208333333333333, 1.0, 3.125]
    """
    if grid is None:
        return scores
    inside, finest = (scores > 0.0) & (scores < 1.0), FINEST.steps
    stays = (scores == 0.0) | (scores == 1.0) | ~np.isfinite(scores)
    with np.errstate(invalid="ignore"):
        step = np.minimum(np.floor(np.where(inside, scores, 0.0) * finest), finest - 1)
    step = np.floor_divide(step, finest // grid.steps)
    found = np.where(inside, (step + 0.5) / grid.steps, scores)
    outside = ~(inside | stays)
    if outside.any():
        found[outside] = _few_bits(scores[outside], grid.bits)
    return found


def rounded(values: FloatArray, grid: Grid | None) -> FloatArray:
    """Numbers that are no scores, with few bits of their fraction; 0, missing and infinite ones stay.

    Examples
    --------
    >>> rounded(np.array([0.0, 30.0, 1234.56]), GRIDS[3]).tolist()
    [0.0, 30.015625, 1235.0]
    """
    if grid is None:
        return values
    moves = (values != 0.0) & np.isfinite(values)
    found = values.copy()
    found[moves] = _few_bits(values[moves], grid.value_bits)
    return found


def _few_bits(scores: FloatArray, bits: int) -> FloatArray:
    """The middle of the values that share sign, exponent and the first bits of the fraction."""
    dropped = FRACTION_BITS - bits
    word = np.ascontiguousarray(scores).view(np.uint64)
    kept = (word >> np.uint64(dropped)) << np.uint64(dropped)
    return (kept | np.uint64(1 << (dropped - 1))).view(np.float64)
