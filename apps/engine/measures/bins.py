"""Bins of scores and columns: equal width, quantiles, distinct values or given edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import Pair, wilson
from apps.engine.measures.runs import Runs, Weighted
from apps.engine.numeric import Ints, stable_sum

MOST_BINS = 10_000
RULES = ("quantile", "width", "unique", "edges")


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins k = (uppers[k-1], uppers[k]]; the last one is open above.

    Parameters
    ----------
    index : int array (n,)
        The bin of each value.
    uppers : float array
        Upper ends, ascending; the last is infinite.
    """

    index: npt.NDArray[np.intp]
    uppers: FloatArray


def place(values: FloatArray, edges: FloatArray) -> Bins:
    """Values put between inner edges; a value equal to an edge lies in the bin below it."""
    return Bins(np.searchsorted(edges, values, side="left"), np.append(edges, np.inf))


def cut_points(
    ordered: FloatArray, rule: str, count: int, edges: Sequence[float] | None = None
) -> FloatArray:
    """Inner edges, ascending and distinct, from sorted reference values.

    ``quantile``: the values at ranks ceil(j n / count), j = 1 … count-1. ``width``: equal steps from the
    smallest to the largest. ``unique``: every distinct value but the last. ``edges``: as given.

    Raises
    ------
    BadInput
        The edges given are not ascending, or an unknown rule.

    Examples
    --------
    >>> cut_points(np.arange(1.0, 11.0), "quantile", 5).tolist()
    [2.0, 4.0, 6.0, 8.0]
    """
    if rule == "edges":
        given = np.asarray(edges if edges is not None else (), dtype=np.float64)
        if len(given) == 0 or not np.isfinite(given).all() or (np.diff(given) <= 0).any():
            raise BadInput("edges must be a list of ascending, different numbers.")
        return given
    if rule == "unique":
        return np.unique(ordered)[:-1]
    if rule == "width":
        return _equal_steps(float(ordered[0]), float(ordered[-1]), count)
    if rule != "quantile":
        raise BadInput(f"The bin rule must be one of {', '.join(RULES)}, not {rule}.")
    ranks = -(-np.arange(1, count) * len(ordered) // count) - 1
    inner = np.unique(ordered[ranks])
    kept: FloatArray = inner[inner < ordered[-1]]
    return kept


def _equal_steps(low: float, high: float, count: int) -> FloatArray:
    """Inner edges of equal steps; halves are added where the whole width is beyond the largest float."""
    steps = np.arange(1, count)
    if math.isfinite((high - low) * count):
        return np.unique(low + (high - low) * steps / count)
    return np.unique(2 * (low / 2 + (high / 2 - low / 2) * (steps / count)))


def inner_edges(values: FloatArray, rule: str, count: int) -> FloatArray:
    """Inner edges by ``width`` or ``unique`` from values in any order; none where they are all equal.

    Raises
    ------
    Unmeasurable
        Insufficient: ``unique`` of more than 10,000 different values.

    Examples
    --------
    >>> inner_edges(np.array([3.0, 1.0]), "width", 2).tolist()
    [2.0]
    """
    ends = np.array([values.min(), values.max()])
    if ends[0] == ends[1]:
        return np.empty(0)
    if rule == "width":
        return cut_points(ends, rule, count)
    distinct = np.unique(values)
    require_few(len(distinct))
    return distinct[:-1]


def require_few(made: int) -> None:
    """Refuse a bin for each of very many distinct values."""
    if made > MOST_BINS:
        raise Unmeasurable(
            f"There are {made:,} distinct scores, more than {MOST_BINS:,} bins; cut by width or quantile.",
            status="insufficient",
        )


def quantile_places(below: FloatArray | Ints, count: int) -> npt.NDArray[np.intp]:
    """Which distinct values end a bin of equal counts: all but the last bin's.

    Parameters
    ----------
    below : int or float array
        Rows, or their weight, at or below each distinct value, ascending.

    Examples
    --------
    >>> quantile_places(np.array([1, 2, 3, 4]), 2).tolist()
    [1]
    """
    steps, total = np.arange(1, count), below[-1]
    if below.dtype.kind == "f":
        found = np.searchsorted(below, steps * (float(total) / count) * (1 - 1e-12), side="left")
    else:
        found = np.searchsorted(below, -(-steps * int(total) // count), side="left")
    found = np.unique(found)
    return found[found < len(below) - 1]


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of neighbouring runs: rows or weight, that of positives, and the rows it is worth."""

    lowest: float
    highest: float
    mass: int | float
    hits: int | float
    size: float

    @property
    def rate(self) -> float:
        """The positive rate."""
        return min(1.0, self.hits / self.mass)

    def interval(self, confidence: float = 0.95) -> Pair:
        """Wilson's, of the rate; with weights on Kish's effective size."""
        return wilson(self.hits if self.size == self.mass else self.rate * self.size, self.size, confidence)

    def row(self, place: int) -> dict[str, Any]:
        """A row of a table of bands."""
        low, high = self.interval()
        weighted = isinstance(self.mass, float)
        names = ("weight", "positive_weight") if weighted else ("n", "positives")
        held = dict(zip(names, (self.mass, self.hits), strict=True))
        ends = {"lowest": self.lowest, "highest": self.highest}
        return {"band": place, **ends, **held, "rate": self.rate, "low": low, "high": high}


def band_of(runs: Runs | Weighted, start: int, stop: int) -> Band:
    """The band of the runs from `start` to before `stop`."""
    ends = float(runs.values[start]), float(runs.values[stop - 1])
    if isinstance(runs, Runs):
        hits = int(runs.positives[start:stop].sum())
        mass = hits + int(runs.negatives[start:stop].sum())
        return Band(*ends, mass, hits, mass)
    part = runs.mass[start:stop]
    return Band(*ends, stable_sum(part.ravel()), stable_sum(part[:, 1]), runs.effective(slice(start, stop)))


def bands_of(runs: Runs | Weighted, count: int) -> list[Band]:
    """Bands of equal counts or weight, ascending; rows of the same score stay together."""
    below = np.cumsum(runs.rows if isinstance(runs, Runs) else runs.mass.sum(axis=1))
    cuts = [0, *(quantile_places(below, count) + 1).tolist(), len(below)]
    return [band_of(runs, start, stop) for start, stop in pairwise(cuts)]


def counts_between(ordered: FloatArray, edges: FloatArray) -> npt.NDArray[np.int64]:
    """How many sorted values lie in each bin: one binary search an edge."""
    below = np.searchsorted(ordered, edges, side="right")
    return np.diff(np.concatenate(([0], below, [len(ordered)]))).astype(np.int64)
