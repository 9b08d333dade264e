"""Means of losses with weights and multiplicities, made of exact sums: no order of rows changes a byte."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from apps.engine.columns import FloatArray
from apps.engine.intervals import Pair, normal
from apps.engine.numeric import Ints, how_many, stable_sum, total_of


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


def mean_of(values: FloatArray, weight: FloatArray | None = None, count: Ints | None = None) -> Mean:
    """The mean of values, each with a weight and standing for so many rows.

    Examples
    --------
    >>> mean_of(np.array([1.0, 3.0]), None, np.array([1, 3])).value
    2.5
    >>> mean_of(np.array([1.0, 3.0]), np.array([3.0, 1.0])).value
    1.5
    """
    if weight is None:
        mass: float = total_of(count, len(values))
        rows, mean = total_of(count, len(values)), stable_sum(values, count) / mass
        spread = (values - mean) ** 2
    else:
        mass, rows = stable_sum(weight, count), how_many(weight > 0, count)
        mean = stable_sum(weight * values, count) / mass
        spread = (weight * (values - mean)) ** 2
    if rows < 2:
        return Mean(mean, None, rows)
    return Mean(mean, stable_sum(spread, count) / mass**2 * rows / (rows - 1), rows)


def effective_size(weight: FloatArray, count: Ints | None = None) -> float:
    """Kish's effective size ``(Σ w)² / Σ w²``.

    Examples
    --------
    >>> round(effective_size(np.array([1.0, 1.0, 2.0])), 6)
    2.666667
    """
    return stable_sum(weight, count) ** 2 / stable_sum(np.square(weight), count)
