"""Bootstrap by drawing cell counts: the law of resampling rows, at a cost that does not grow with them.

Rows drawn independently with replacement fall into cells as Multinomial(n, c / n); any statistic of the
counts c therefore has exactly the same bootstrap law.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray
from apps.engine.numeric import Ints

DRAWS = 1000
CHUNK = 100
UNDEFINED_ALLOWED = 0.01


def generator(seed: int) -> np.random.Generator:
    """A Philox generator keyed by the run's seed."""
    return np.random.Generator(np.random.Philox(key=abs(int(seed))))


def cell_draws(counts: Ints, seed: int, draws: int = DRAWS) -> Ints:
    """Draws of the cell counts, shape (draws, *counts.shape).

    Examples
    --------
    >>> cell_draws(np.array([[5, 0], [3, 2]]), seed=1, draws=3).sum(axis=(1, 2)).tolist()
    [10, 10, 10]
    """
    flat = counts.ravel()
    n = int(flat.sum())
    drawn = generator(seed).multinomial(n, flat / n, size=draws)
    return np.asarray(drawn, dtype=np.int64).reshape(draws, *counts.shape)


def percentile_interval(
    counts: Ints,
    statistic: Callable[[Ints], FloatArray],
    *,
    seed: int,
    confidence: float = 0.95,
    draws: int = DRAWS,
) -> tuple[float, float] | None:
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
    values = drawn_values(counts, statistic, seed=seed, draws=draws)
    defined = values[np.isfinite(values)]
    if len(defined) < (1 - UNDEFINED_ALLOWED) * draws:
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail], method="linear")
    return float(low), float(high)


def moved_interval(
    counts: Ints,
    statistic: Callable[[Ints], FloatArray],
    value: float,
    *,
    seed: int,
    confidence: float = 0.95,
    draws: int = DRAWS,
) -> tuple[float, float] | None:
    """As `percentile_interval`, moved by the estimated bias: for maxima, which resampling only raises.

    Neither end passes 0, and the interval always holds `value`.
    """
    drawn = drawn_values(counts, statistic, seed=seed, draws=draws)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < (1 - UNDEFINED_ALLOWED) * draws:
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], method="linear") - (float(drawn.mean()) - value)
    return max(0.0, min(value, float(low))), max(value, float(high))


def drawn_values(
    counts: Ints, statistic: Callable[[Ints], FloatArray], *, seed: int, draws: int = DRAWS
) -> FloatArray:
    """The statistic of each draw, in the order drawn."""
    flat = counts.ravel()
    n = int(flat.sum())
    source = generator(seed)
    parts = []
    for start in range(0, draws, CHUNK):
        size = min(CHUNK, draws - start)
        drawn = source.multinomial(n, flat / n, size=size).reshape(size, *counts.shape)
        parts.append(np.asarray(statistic(drawn), dtype=np.float64))
    return np.concatenate(parts)


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
