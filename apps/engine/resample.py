"""Bootstrap by drawing cell counts: the law of resampling rows, at a cost that does not grow with them.

Rows drawn independently with replacement fall into cells as Multinomial(n, c / n); any statistic of the
counts c therefore has exactly the same bootstrap law.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray
from apps.engine.numeric import Ints
from apps.engine.resources import each

DRAWS = 1000
CHUNK = 100
UNDEFINED_ALLOWED = 0.01
_MANY_CELLS = 4096
Pair = tuple[float, float]
Masses = Ints | FloatArray


@dataclass(frozen=True, slots=True)
class Drawn:
    """A statistic of each draw, NaN where the draw leaves it undefined.

    A draw in which something compared becomes undefined is no draw without a gap: it is counted, quantiles
    are taken over the others, and above 1 % there is no interval.

    Examples
    --------
    >>> Drawn(np.array([0.0] * 98 + [np.nan] * 2)).percentile(0.95) is None
    True
    >>> Drawn(np.array([0.0] * 98 + [np.nan] * 2)).notes()[0]
    'No interval: 2 of 100 draws leave the figure undefined, more than 1%.'
    """

    values: FloatArray

    @property
    def undefined(self) -> int:
        """Draws that leave the statistic undefined."""
        return int(np.count_nonzero(~np.isfinite(self.values)))

    def _defined(self) -> FloatArray | None:
        defined = self.values[np.isfinite(self.values)]
        return None if len(defined) < (1 - UNDEFINED_ALLOWED) * len(self.values) else defined

    def percentile(self, confidence: float) -> Pair | None:
        """The percentile interval; None above 1 % of undefined draws."""
        defined = self._defined()
        if defined is None:
            return None
        tail = (1 - confidence) / 2
        low, high = np.quantile(defined, [tail, 1 - tail], method="linear")
        return float(low), float(high)

    def moved(self, value: float, confidence: float) -> Pair | None:
        """As `percentile`, moved by the estimated bias: for maxima, which resampling only raises.

        Neither end passes 0, and the interval always holds `value`.
        """
        defined = self._defined()
        if defined is None:
            return None
        tail = (1 - confidence) / 2
        low, high = np.quantile(defined, [tail, 1 - tail], method="linear") - (float(defined.mean()) - value)
        return max(0.0, min(value, float(low))), max(value, float(high))

    def notes(self) -> list[str]:
        """A sentence where draws are undefined."""
        undefined, draws = self.undefined, len(self.values)
        if not undefined:
            return []
        if self._defined() is None:
            return [
                f"No interval: {undefined:,} of {draws:,} draws leave the figure undefined, more than "
                f"{UNDEFINED_ALLOWED:.0%}."
            ]
        return [f"The interval leaves out {undefined:,} of {draws:,} draws in which the figure is undefined."]


def generator(seed: int) -> np.random.Generator:
    """A Philox generator keyed by the run's seed."""
    return np.random.Generator(np.random.Philox(key=abs(int(seed))))


def cell_draws(counts: Masses, seed: int, draws: int = DRAWS) -> Ints:
    """Draws of the cell counts, shape (draws, *counts.shape).

    Examples
    --------
    >>> cell_draws(np.array([[5, 0], [3, 2]]), seed=1, draws=3).sum(axis=(1, 2)).tolist()
    [10, 10, 10]
    """
    return _draw(generator(seed), np.asarray(counts), None, draws)


def percentile_interval(
    counts: Ints,
    statistic: Callable[[Ints], FloatArray],
    *,
    seed: int,
    confidence: float = 0.95,
    draws: int = DRAWS,
) -> Pair | None:
    """Percentile bootstrap interval of a statistic of cell counts.

    Parameters
    ----------
    counts : int array
        Cells of any shape.
    statistic : callable
        From (k, *counts.shape) counts to (k,) values, NaN where a draw leaves it undefined.

    Returns
    -------
    tuple or None
        None where more than one draw in a hundred is undefined.
    """
    return drawn(counts, statistic, seed=seed, draws=draws).percentile(confidence)


def drawn(
    counts: Masses,
    statistic: Callable[[Ints], FloatArray],
    *,
    seed: int,
    draws: int = DRAWS,
    effective: float | None = None,
) -> Drawn:
    """The statistic of each draw, with what that says of its interval.

    Parameters
    ----------
    effective : float, optional
        With weights: cells hold sums of weights, and so many rows are drawn, each of the mean weight.
    """
    return Drawn(drawn_values(counts, statistic, seed=seed, draws=draws, effective=effective))


def drawn_values(
    counts: Masses,
    statistic: Callable[[Ints], FloatArray],
    *,
    seed: int,
    draws: int = DRAWS,
    effective: float | None = None,
) -> FloatArray:
    """The statistic of each draw, in the order drawn."""
    held = np.asarray(counts)
    sizes = [min(CHUNK, draws - start) for start in range(0, draws, CHUNK)]
    if np.count_nonzero(held) >= _MANY_CELLS:
        parts = each(
            lambda k: statistic(_draw(_stream(seed, k), held, effective, sizes[k])), range(len(sizes))
        )
    else:
        source = generator(seed)
        parts = [statistic(_draw(source, held, effective, size)) for size in sizes]
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


def _stream(seed: int, chunk: int) -> np.random.Generator:
    """A stream for each chunk of draws, so that threads may take them in any order."""
    return np.random.Generator(np.random.Philox(key=abs(int(seed))).jumped(chunk + 1))


def _draw(
    source: np.random.Generator, counts: npt.NDArray[np.generic], effective: float | None, draws: int
) -> Ints:
    """Draws of the cells; with weights scaled back to their sum."""
    flat = counts.ravel()
    total = flat.sum()
    n = int(total) if effective is None else max(1, round(effective))
    if effective is None and _MANY_CELLS <= np.count_nonzero(flat) > n >> 3:
        found = _rows_drawn(source, flat.astype(np.int64), draws)
    else:
        found = source.multinomial(n, flat / total, size=draws)
    scaled = found if effective is None else found * (float(total) / n)
    return np.asarray(scaled).reshape(draws, *counts.shape)


def _rows_drawn(source: np.random.Generator, flat: Ints, draws: int) -> Ints:
    """The same law where there are nearly as many cells as rows: rows are drawn and counted."""
    cell = np.repeat(np.arange(len(flat)), flat)
    found = np.empty((draws, len(flat)), dtype=np.int64)
    for row in found:
        row[:] = np.bincount(cell[source.integers(0, len(cell), size=len(cell))], minlength=len(flat))
    return found


def quantiles(values: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray, Ints]:
    """Percentile intervals of many statistics at once, by the rule of `Drawn`.

    Parameters
    ----------
    values : float array (..., draws)
        NaN where a draw leaves a statistic undefined. It is sorted in place.

    Returns
    -------
    low, high : float arrays (...)
        NaN where more than one draw in a hundred is undefined.
    undefined : int array (...)
        How many draws are.

    Examples
    --------
    >>> low, high, undefined = quantiles(np.array([[4.0, 1.0, 2.0, 3.0, 0.0]]), 0.5)
    >>> low.tolist(), high.tolist(), undefined.tolist()
    ([1.0], [3.0], [0])
    """
    values.sort(axis=-1)
    draws = values.shape[-1]
    undefined = np.count_nonzero(np.isnan(values), axis=-1)
    tail = (1 - confidence) / 2
    allowed = draws - undefined >= (1 - UNDEFINED_ALLOWED) * draws
    ends = [_at(values, draws - undefined, allowed, q) for q in (tail, 1 - tail)]
    return ends[0], ends[1], np.asarray(undefined, dtype=np.int64)


def _at(ordered: FloatArray, defined: Ints, allowed: npt.NDArray[np.bool_], q: float) -> FloatArray:
    """The quantile q of the first `defined` of sorted values, linear between them."""
    place = np.maximum(defined - 1, 0) * q
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(defined - 1, 0))
    first, second = (
        np.take_along_axis(ordered, np.asarray(k)[..., None], axis=-1)[..., 0] for k in (below, above)
    )
    share = place - below
    linear = np.where(share < 0.5, first + (second - first) * share, second - (second - first) * (1 - share))
    return np.asarray(np.where(allowed, linear, np.nan), dtype=np.float64)


def cells_of_scores(score: FloatArray, limit: int = 480) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """The cell of each score and each cell's upper value: distinct scores, or at most `limit` quantile cells.

    Examples
    --------
    >>> cells_of_scores(np.array([0.2, 0.1, 0.2]))[0].tolist()
    [1, 0, 1]
    """
    ordered = np.sort(score)
    last = np.concatenate((ordered[1:] != ordered[:-1], [True]))
    uppers = ordered[last][cell_places(np.flatnonzero(last) + 1, limit)]
    return np.searchsorted(uppers, score, side="left"), uppers


def cell_places(below: Ints, limit: int = 480) -> npt.NDArray[np.intp]:
    """Which of the distinct values end a cell: all, or those at `limit` quantiles of the rows.

    Parameters
    ----------
    below : int array
        Rows at or below each distinct value, ascending.

    Examples
    --------
    >>> cell_places(np.array([1, 2, 3, 4]), 2).tolist()
    [1, 3]
    """
    if len(below) <= limit:
        return np.arange(len(below))
    wanted = (np.arange(1, limit + 1) * int(below[-1])) // limit
    return np.unique(np.searchsorted(below, wanted, side="left"))
