"""Probabilities beside outcomes, in bins: what the calibration checks share.

Rows lie class by class and sorted by score, so a bin is one stretch of each class. Every sum over them is
exact, so that neither their order nor their being counted in one row changes a byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import Pair, wilson
from apps.engine.measures.bins import cut_points, quantile_places, require_few
from apps.engine.measures.means import Mean, effective_size, mean_of
from apps.engine.measures.runs import merged, runs_of, sorted_classes
from apps.engine.numeric import (
    Ints,
    counts_or_none,
    probabilities,
    same_length,
    stable_sum,
    sums_by,
    total_of,
    weights_or_none,
)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Probabilities, outcomes 0 and 1, weights that differ or None, and rows each stands for or None."""

    score: FloatArray
    outcome: FloatArray
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
        return cls(values, label.astype(np.float64), weights_or_none(weight, times), times)

    @property
    def n(self) -> int:
        """The rows that these stand for."""
        return total_of(self.count, len(self.score))

    @property
    def positives(self) -> int:
        """The rows of the positive class."""
        return int(self.outcome.sum()) if self.count is None else int(self.count[self.outcome > 0].sum())

    @property
    def mass(self) -> float:
        """The sum of weights; the rows where there are none."""
        return float(self.n) if self.weight is None else stable_sum(self.weight, self.count)

    def one_class(self) -> tuple[str, ...]:
        """The sentence that says so where all outcomes are the same."""
        if 0 < self.positives < self.n:
            return ()
        return (f"All {self.n:,} labels are {'positive' if self.positives else 'negative'}.",)

    def require_two_rows(self, what: str) -> None:
        """Insufficient where there is one row only."""
        if self.n < 2:
            raise Unmeasurable(f"One row is {what}.", status="insufficient")

    def total(self, terms: FloatArray) -> float:
        """The sum of a term of each row, times its weight."""
        return stable_sum(terms if self.weight is None else self.weight * terms, self.count)

    def mean(self, terms: FloatArray) -> Mean:
        """The mean of a term of each row."""
        return mean_of(terms, self.weight, self.count)

    def by_class(self) -> Forecasts:
        """The same rows, negatives first, each class sorted by score."""
        label = self.outcome > 0
        if self.weight is None and self.count is None:
            sides = sorted_classes(self.score, label)
            return Forecasts(np.concatenate(sides), _outcomes(*map(len, sides)), None, None)
        order = np.lexsort((self.score, label))
        return self.part(order)

    def part(self, rows: npt.NDArray[np.intp]) -> Forecasts:
        """Some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        count = None if self.count is None else self.count[rows]
        return Forecasts(self.score[rows], self.outcome[rows], weight, count)


def _outcomes(negatives: int, positives: int) -> FloatArray:
    return np.repeat([0.0, 1.0], [negatives, positives])


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
    """Forecasts class by class, and the bin of each row.

    Parameters
    ----------
    bins : list of Bin
        Those that hold weight.
    place : int array (n,)
        The position in `bins` of each row's bin; -1 where its bin holds no weight.
    """

    rows: Forecasts
    bins: list[Bin]
    place: npt.NDArray[np.intp]

    def spread(self) -> tuple[float, float]:
        """Sums over bins: squared distances of scores from their mean, and their products with outcomes'."""
        means, rates = (np.array([getattr(b, name) for b in self.bins]) for name in ("mean", "rate"))
        apart = self.rows.score - means[self.place]
        both = apart * (self.rows.outcome - rates[self.place])
        return self.rows.total(apart**2), self.rows.total(both)


def binned(forecasts: Forecasts, count: int, rule: str) -> Binned:
    """Bins of probabilities: ``width`` cuts [0, 1], ``quantile`` makes equal counts, ``unique`` takes all.

    Examples
    --------
    >>> rows = Forecasts.of(np.array([0.05, 0.1, 0.95]), np.array([True, False, True]), None, None)
    >>> [(b.number, b.n, b.rate) for b in binned(rows, 10, "width").bins]
    [(1, 2, 0.5), (10, 1, 1.0)]
    """
    rows = forecasts.by_class()
    edges = np.arange(1, count) / count if rule == "width" else _edges(rows, count, rule)
    bins: list[Bin] = []
    place = np.full(len(rows.score), -1, dtype=np.intp)
    for number, stretches in _stretches(rows, edges):
        made = _bin(rows, number, stretches)
        if made is not None:
            for start, stop in stretches:
                place[start:stop] = len(bins)
            bins.append(made)
    return Binned(rows, bins, place)


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
        runs = runs_of(rows.score, rows.outcome > 0, rows.count)
    else:
        cut = int(np.searchsorted(rows.outcome, 0.5))
        runs = merged(rows.score[:cut], rows.score[cut:])
    return runs.values, np.cumsum(runs.rows)


def _stretches(rows: Forecasts, edges: FloatArray) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """For each bin its number and where its rows stand: a stretch of each class."""
    cut = int(np.searchsorted(rows.outcome, 0.5))
    halves = [(0, rows.score[:cut]), (cut, rows.score[cut:])]
    cuts = [
        start + np.concatenate(([0], np.searchsorted(half, edges, side="right"), [len(half)]))
        for start, half in halves
    ]
    pairs = zip(pairwise(cuts[0].tolist()), pairwise(cuts[1].tolist()), strict=True)
    for number, stretches in enumerate(pairs, start=1):
        filled = [(start, stop) for start, stop in stretches if stop > start]
        if filled:
            yield number, filled


def _bin(rows: Forecasts, number: int, stretches: list[tuple[int, int]]) -> Bin | None:
    """The figures of one bin; None where none of its rows has weight."""
    scores, outcomes = (_joined(of, stretches) for of in (rows.score, rows.outcome))
    count = None if rows.count is None else _joined(rows.count, stretches)
    held = Forecasts(scores, outcomes, None, count)
    n, positives = held.n, held.positives
    if rows.weight is None:
        return Bin(number, n, positives, float(n), held.total(scores) / n, positives / n, float(n))
    weight = _joined(rows.weight, stretches)
    if not weight.any():
        return None
    mass, size = stable_sum(weight, count), effective_size(weight, count)
    mean, rate = (stable_sum(weight * part, count) / mass for part in (scores, outcomes))
    return Bin(number, n, positives, mass, mean, min(1.0, rate), size)


def _joined(part: npt.NDArray[Any], stretches: list[tuple[int, int]]) -> npt.NDArray[Any]:
    """The stretches of an array, one after the other."""
    found = [part[start:stop] for start, stop in stretches]
    return found[0] if len(found) == 1 else np.concatenate(found)
