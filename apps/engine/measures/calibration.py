"""Whether scores are probabilities: Brier score and its parts."""

from __future__ import annotations

import math

import numpy as np

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.intervals import within
from apps.engine.measures.forecasts import Binned, Forecasts, binned
from apps.engine.numeric import Ints
from apps.engine.values import Measured


def brier(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    bins: int = 10,
    binning: str = "width",
    confidence: float = 0.95,
) -> Measured:
    """Brier score: the mean squared distance between probability and outcome, with Murphy's parts.

    ``BS = Σ (s - y)² / n``, in [0, 1], lower is better. Over bins k with n_k rows, mean score s_k and
    outcome share o_k: reliability ``Σ n_k (s_k - o_k)² / n``, resolution ``Σ n_k (o_k - o)² / n``,
    uncertainty ``o (1 - o)``, and the two within-bin terms that make
    ``BS = reliability - resolution + uncertainty + within_variance - within_covariance`` exact.

    Parameters
    ----------
    score : float array (n,)
        Probabilities of the positive class.
    label : bool array (n,)
        True where the outcome is the positive class.
    weight : float array (n,), optional
        Row weights; equal weights change nothing.
    count : int array (n,), optional
        How many identical rows each row stands for.
    bins, binning : int, {"width", "quantile", "unique"}
        How the parts are binned; the score itself needs no bins.

    Raises
    ------
    Unmeasurable
        Undefined: a score that is no probability. Insufficient: no rows.

    References
    ----------
    Brier (1950), Monthly Weather Review 78, 1-3. Murphy (1973), J. Appl. Meteorology 12, 595-600.
    Stephenson, Coelho, Jolliffe (2008), Weather and Forecasting 23, 752-757.

    Examples
    --------
    >>> found = brier(score=np.array([0.9, 0.1, 0.6, 0.4]), label=np.array([True, False, False, True]))
    >>> round(found.value, 12)
    0.185
    """
    rows = Forecasts.of(score, label, weight, count)
    held = binned(rows, bins, binning)
    losses = held.rows.mean(lambda s, y: np.square(s - y))
    ends = losses.interval(confidence)
    return Measured(
        value=losses.value,
        n=rows.n,
        interval=None if ends is None else within(ends, 0.0, 1.0),
        confidence=confidence,
        method="mean; normal on the standard error of the losses",
        parameters={"bins_made": len(held.bins), "weighted": rows.weight is not None},
        tables={"decomposition": [murphy(held)], "bins": [b.row() for b in held.bins]},
        notes=[f"{said[:-1]}: uncertainty and resolution are 0." for said in rows.one_class()],
    )


def murphy(held: Binned) -> dict[str, float]:
    """The parts of the Brier score over bins."""
    total = held.rows.rows.mass
    overall = held.rows.hits / total
    variance, covariance = held.spread()
    return {
        "reliability": math.fsum(b.mass / total * (b.mean - b.rate) ** 2 for b in held.bins),
        "resolution": math.fsum(b.mass / total * (b.rate - overall) ** 2 for b in held.bins),
        "uncertainty": overall * (1 - overall),
        "within_variance": variance / total,
        "within_covariance": 2 * covariance / total,
    }
