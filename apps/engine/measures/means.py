"""Means of losses with weights and multiplicities, made of exact sums: no order of rows changes a byte."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from apps.engine.columns import FloatArray
from apps.engine.intervals import Pair, normal
from apps.engine.numeric import Ints, how_many, stable_sum, stable_total, total_of

_BLOCK = 1 << 15


@dataclass(frozen=True, slots=True)
class Mean:
    """A (weighted) mean, the variance of the mean, and the rows it rests on.

    Parameters
    ----------
    variance : float or None
        ``k / (k - 1) Σ w² (x - mean)² / (Σ w)²``; None for fewer than two rows.
    """

    value: float
    variance: float | None
    rows: int

    @property
    def error(self) -> float | None:
        """The standard error."""
        return None if self.variance is None else math.sqrt(self.variance)

    def interval(self, confidence: float) -> Pair | None:
        """Normal on the standard error; None for fewer than two rows."""
        return None if self.error is None else normal(self.value, self.error, confidence)


Terms = Callable[[slice], FloatArray]


@dataclass(frozen=True, slots=True)
class Rows:
    """So many rows that are summed over: their weights, or None, and how many each stands for, or None."""

    length: int
    weight: FloatArray | None
    count: Ints | None

    @property
    def n(self) -> int:
        """The rows that these stand for."""
        return total_of(self.count, self.length)

    @property
    def mass(self) -> float:
        """The sum of weights; the rows where there are none."""
        return float(self.n) if self.weight is None else stable_sum(self.weight, self.count)

    def total(self, terms: Terms) -> float:
        """The sum of a term of each row times its weight, made for a stretch of rows at a time."""
        if self.weight is None:
            return self._sum(terms)
        weight = self.weight
        return self._sum(lambda rows: weight[rows] * terms(rows))

    def mean(self, terms: Terms) -> Mean:
        """The mean of a term of each row."""
        mass = self.mass
        mean = self.total(terms) / mass
        weight = self.weight
        k = self.n if weight is None else how_many(weight > 0, self.count)
        if k < 2:
            return Mean(mean, None, k)

        def spread(rows: slice) -> FloatArray:
            apart = terms(rows) - mean
            return np.square(apart if weight is None else weight[rows] * apart)

        return Mean(mean, self._sum(spread) / mass**2 * k / (k - 1), k)

    def _sum(self, terms: Terms) -> float:
        count = self.count
        if self.length <= _BLOCK:
            return stable_sum(terms(slice(None)), count)
        stretches = [slice(start, start + _BLOCK) for start in range(0, self.length, _BLOCK)]
        blocks = ((terms(rows), None if count is None else count[rows]) for rows in stretches)
        return stable_total(blocks, self.length)


def mean_of(values: FloatArray, weight: FloatArray | None = None, count: Ints | None = None) -> Mean:
    """The mean of values, each with a weight and standing for so many rows.

    Examples
    --------
    >>> mean_of(np.array([1.0, 3.0]), None, np.array([1, 3])).value
    2.5
    >>> mean_of(np.array([1.0, 3.0]), np.array([3.0, 1.0])).value
    1.5
    """
    return Rows(len(values), weight, count).mean(lambda rows: values[rows])


def effective_size(weight: FloatArray, count: Ints | None = None) -> float:
    """Kish's effective size ``(Σ w)² / Σ w²``.

    Examples
    --------
    >>> round(effective_size(np.array([1.0, 1.0, 2.0])), 6)
    2.666667
    """
    return stable_sum(weight, count) ** 2 / stable_sum(np.square(weight), count)
