"""Probabilities beside outcomes, in bins: what the calibration checks share.

Rows lie class by class and sorted by score, so a bin is one stretch of each class. Every sum over them is
exact, so that neither their order nor their being counted in one row changes a byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import Pair, wilson
from apps.engine.kernels import worth
from apps.engine.measures.bins import cut_points, quantile_places, require_few
from apps.engine.measures.means import Mean, Rows, Terms
from apps.engine.measures.runs import merged, parted, runs_of, sorted_classes
from apps.engine.numeric import (
    Ints,
    counts_or_none,
    how_many,
    probabilities,
    same_length,
    stable_sum,
    stable_total,
    sums_by,
    total_of,
    weights_or_none,
)
from apps.engine.resources import each

_CODED, _FEW = 255, 2048


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Probabilities, outcomes, weights that differ or None, and the rows each stands for or None."""

    score: FloatArray
    label: BoolArray
    weight: FloatArray | None
    count: Ints | None

    @classmethod
    def of(
        cls, score: FloatArray, label: BoolArray, weight: FloatArray | None, count: Ints | None
    ) -> Forecasts:
        """Refuse what is no probability; the rows stay in their order.

        Raises
        ------
        Unmeasurable
            Undefined: a score that is no probability, or weights that cannot be used. Insufficient: no rows.
        """
        same_length(score=score, label=label, weight=weight)
        times = counts_or_none(count, len(label))
        values = probabilities(score, count=times)
        return cls(values, np.asarray(label, dtype=bool), weights_or_none(weight, times), times)

    @property
    def rows(self) -> Rows:
        """How they are summed over."""
        return Rows(len(self.score), self.weight, self.count)

    @property
    def n(self) -> int:
        """The rows that these stand for."""
        return total_of(self.count, len(self.score))

    @property
    def positives(self) -> int:
        """The rows of the positive class."""
        return how_many(self.label, self.count)

    @property
    def hits(self) -> float:
        """The weight of the positive class; its rows where there are no weights."""
        return float(self.positives) if self.weight is None else self.total(lambda s, y: y)

    def one_class(self) -> tuple[str, ...]:
        """The sentence that says so where all outcomes are the same."""
        if 0 < self.positives < self.n:
            return ()
        return (f"All {self.n:,} labels are {'positive' if self.positives else 'negative'}.",)

    def require_two_rows(self, what: str) -> None:
        """Insufficient where there is one row only."""
        if self.n < 2:
            raise Unmeasurable(f"One row is {what}.", status="insufficient")

    def total(self, terms: Callable[[FloatArray, FloatArray], FloatArray]) -> float:
        """The weighted sum of a term of scores and outcomes."""
        return self.rows.total(lambda rows: terms(self.score[rows], self.label[rows].astype(np.float64)))

    def mean(self, terms: Callable[[FloatArray, FloatArray], FloatArray]) -> Mean:
        """The weighted mean of a term of scores and outcomes."""
        return self.rows.mean(lambda rows: terms(self.score[rows], self.label[rows].astype(np.float64)))

    def part(self, rows: npt.NDArray[np.intp]) -> Forecasts:
        """Some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        count = None if self.count is None else self.count[rows]
        return Forecasts(self.score[rows], self.label[rows], weight, count)


@dataclass(frozen=True, slots=True)
class Bin:
    """A bin that is not empty: its rows, and the weighted mean of their scores and outcomes.

    Parameters
    ----------
    number : int
        From 1.
    mass : float
        The weight of its rows; their number where there are no weights.
    size : float
        The rows it is worth: Kish's effective size where there are weights.
    """

    number: int
    n: int
    positives: int
    mass: float
    mean: float
    rate: float
    size: float

    def interval(self, confidence: float = 0.95) -> Pair:
        """Wilson's, of the outcome rate."""
        whole = self.size == self.n
        return wilson(self.positives if whole else self.rate * self.size, self.size, confidence)

    def row(self) -> dict[str, Any]:
        """A row of a table of bins."""
        held = {"bin": self.number, "n": self.n, "positives": self.positives}
        return {**held, "mean_score": self.mean, "rate": self.rate}

    def row_with_gap(self, confidence: float = 0.95) -> dict[str, Any]:
        """As `row`, with the gap and the interval of the rate."""
        low, high = self.interval(confidence)
        return {**self.row(), "gap": self.mean - self.rate, "low": low, "high": high}


@dataclass(frozen=True, slots=True)
class Binned:
    """Forecasts class by class, and stretches of them that lie in one bin.

    Parameters
    ----------
    bins : list of Bin
        Those that hold weight.
    ends, place : int arrays
        Where each stretch of rows ends, and the position in `bins` of its bin; any where that has no weight.
    """

    rows: Forecasts
    bins: list[Bin]
    ends: npt.NDArray[np.intp]
    place: npt.NDArray[np.intp]

    def of_rows(self, values: FloatArray, rows: slice) -> FloatArray:
        """Each row's part of a figure of the bins, for some rows in a stretch."""
        start, stop, _ = rows.indices(len(self.rows.score))
        first, last = np.searchsorted(self.ends, start, side="right"), np.searchsorted(self.ends, stop)
        ends = np.minimum(self.ends[first : last + 1], stop)
        return np.repeat(values[self.place[first : last + 1]], np.diff(ends, prepend=start))

    def spread(self) -> tuple[float, float]:
        """Sums over bins: squared distances of scores from their mean, and their products with outcomes'."""
        means, rates = (np.array([getattr(b, name) for b in self.bins]) for name in ("mean", "rate"))
        score, label = self.rows.score, self.rows.label

        def apart(rows: slice) -> FloatArray:
            return score[rows] - self.of_rows(means, rows)

        terms: list[Terms] = [
            lambda rows: np.square(apart(rows)),
            lambda rows: apart(rows) * (label[rows].astype(np.float64) - self.of_rows(rates, rows)),
        ]
        total = self.rows.rows.total
        variance, covariance = each(total, terms) if worth(len(score)) else map(total, terms)
        return variance, covariance


def binned(forecasts: Forecasts, count: int, rule: str) -> Binned:
    """Bins of probabilities: ``width`` cuts [0, 1], ``quantile`` makes equal counts, ``unique`` takes all.

    Examples
    --------
    >>> rows = Forecasts.of(np.array([0.05, 0.1, 0.95]), np.array([True, False, True]), None, None)
    >>> [(b.number, b.n, b.rate) for b in binned(rows, 10, "width").bins]
    [(1, 2, 0.5), (10, 1, 1.0)]
    """
    plain = forecasts.weight is None and forecasts.count is None
    if rule == "width" and plain and count <= _CODED and worth(len(forecasts.score)):
        rows, cuts = _parted(forecasts, count)
    else:
        rows, cuts = _sorted(forecasts, count, rule)
    bins: list[Bin] = []
    place = []
    for number, stretches in enumerate(zip(*map(pairwise, cuts), strict=True), start=1):
        made = _bin(rows, number, [stretch for stretch in stretches if stretch[1] > stretch[0]])
        place.append(0 if made is None else len(bins))
        bins += [] if made is None else [made]
    ends = np.array([*cuts[0][1:], *cuts[1][1:]], dtype=np.intp)
    return Binned(rows, bins, ends, np.array(place * 2, dtype=np.intp))


_Cuts = tuple[list[int], list[int]]


def _parted(forecasts: Forecasts, count: int) -> tuple[Forecasts, _Cuts]:
    """Rows put together by class and bin of equal width, without sorting; where each bin begins and ends."""
    from apps.engine.kernels.ranking import place_evenly

    codes = np.empty(len(forecasts.score), dtype=np.uint8)
    place_evenly(forecasts.score, np.arange(1, count) / count, codes)
    made, cells = parted(forecasts.score, forecasts.label, codes, count)
    ends = np.concatenate(([0], np.cumsum([len(cell) for cell in cells]))).tolist()
    return Forecasts(made, _labels(ends[count], ends[-1] - ends[count]), None, None), (
        ends[: count + 1],
        ends[count:],
    )


def _sorted(forecasts: Forecasts, count: int, rule: str) -> tuple[Forecasts, _Cuts]:
    """Rows sorted within their class; where each bin begins and ends."""
    rows = _by_class(forecasts)
    edges = np.arange(1, count) / count if rule == "width" else _edges(rows, count, rule)
    cut = int(np.searchsorted(rows.label, True))
    cuts = [
        [start, *(start + np.searchsorted(half, edges, side="right")).tolist(), start + len(half)]
        for start, half in ((0, rows.score[:cut]), (cut, rows.score[cut:]))
    ]
    return rows, (cuts[0], cuts[1])


def _by_class(rows: Forecasts) -> Forecasts:
    """The same rows, negatives first, each class sorted by score."""
    if rows.weight is not None or rows.count is not None:
        return rows.part(np.lexsort((rows.score, rows.label)))
    sides = sorted_classes(rows.score, rows.label)
    return Forecasts(np.concatenate(sides), _labels(*map(len, sides)), None, None)


def _labels(negatives: int, positives: int) -> BoolArray:
    return np.repeat([False, True], [negatives, positives])


def _edges(rows: Forecasts, count: int, rule: str) -> FloatArray:
    """Inner edges from the scores; those of rows without weight count nothing."""
    kept = rows if rows.weight is None else rows.part(np.flatnonzero(rows.weight > 0))
    if rule == "unique":
        distinct = np.unique(kept.score)
        require_few(len(distinct))
        return distinct[:-1]
    if rule != "quantile":
        return cut_points(np.sort(kept.score), rule, count)
    values, below = _below(kept)
    return values[quantile_places(below, count)]


def _below(rows: Forecasts) -> tuple[FloatArray, FloatArray | Ints]:
    """Distinct scores, and the rows or weight at or below each."""
    if rows.weight is not None:
        values, place = np.unique(rows.score, return_inverse=True)
        return values, np.cumsum(sums_by(place, rows.weight, len(values), rows.count))
    if rows.count is not None:
        runs = runs_of(rows.score, rows.label, rows.count)
    else:
        cut = int(np.searchsorted(rows.label, True))
        runs = merged(rows.score[:cut], rows.score[cut:])
    return runs.values, np.cumsum(runs.rows)


def _bin(rows: Forecasts, number: int, stretches: list[tuple[int, int]]) -> Bin | None:
    """The figures of one bin; None where it is empty or none of its rows has weight."""
    if not stretches:
        return None
    count = rows.count
    sizes = [stop - start if count is None else int(count[start:stop].sum()) for start, stop in stretches]
    n = sum(sizes)
    positives = sum(size for size, (start, _) in zip(sizes, stretches, strict=True) if rows.label[start])
    parts = [(slice(*ends), None if count is None else count[slice(*ends)]) for ends in stretches]
    if rows.weight is None:
        total = _sum([(rows.score[part], times) for part, times in parts])
        return Bin(number, n, positives, float(n), total / n, positives / n, float(n))
    weights = [(rows.weight[part], times) for part, times in parts]
    mass = _sum(weights)
    if not mass:
        return None
    mean = _sum([(rows.weight[part] * rows.score[part], times) for part, times in parts]) / mass
    hits = _sum([held for held, (start, _) in zip(weights, stretches, strict=True) if rows.label[start]])
    size = mass**2 / _sum([(np.square(weight), times) for weight, times in weights])
    return Bin(number, n, positives, mass, mean, min(1.0, hits / mass), size)


def _sum(parts: Sequence[tuple[FloatArray, Ints | None]]) -> float:
    """The sum over the stretches of a bin, rounded once."""
    items = sum(len(values) for values, _ in parts)
    if items < _FEW and all(count is None for _, count in parts):
        return stable_sum(np.concatenate([values for values, _ in parts])) if parts else 0.0
    return stable_total(parts, items)
