"""Whether scores are probabilities: Brier score and its parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.intervals import Pair, normal, within
from apps.engine.measures.bins import Binning, bin_of
from apps.engine.numeric import probabilities, same_length, stable_sum, weights_or_none
from apps.engine.values import Measured


def brier(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    bins: int = 10,
    binning: str = "width",
    confidence: float = 0.95,
) -> Measured:
    """Brier score: the mean squared distance between probability and outcome, with Murphy's parts.

    ``BS = Σ (s - y)² / n``, in [0, 1], lower is better. Over bins k with n_k rows, mean score s_k and
    outcome share o_k: reliability ``Σ n_k (s_k - o_k)² / n``, resolution ``Σ n_k (o_k - o)² / n``,
    uncertainty
    ``o (1 - o)``, and the two within-bin terms that make
    ``BS = reliability - resolution + uncertainty + within_variance - within_covariance`` exact.

    Parameters
    ----------
    score : float array (n,)
        Probabilities of the positive class.
    label : bool array (n,)
        True where the outcome is the positive class.
    weight : float array (n,), optional
        Row weights; equal weights change nothing.
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
    same_length(score=score, label=label, weight=weight)
    values = probabilities(score)
    weights = weights_or_none(weight)
    w = np.ones(len(values)) if weights is None else weights
    losses = (values - label) ** 2
    total = stable_sum(w)
    value = stable_sum(w * losses) / total
    binned = bin_of(values, Binning(bins, binning))
    parts, rows = murphy(values, label, w, binned.index, len(binned.uppers))
    return Measured(
        value=value,
        n=len(values),
        interval=_mean_interval(losses, w, value, confidence),
        confidence=confidence,
        method="mean; normal on the standard error of the losses",
        parameters={"bins_made": len(rows), "weighted": weights is not None},
        tables={"decomposition": [parts], "bins": rows},
        notes=_notes(label, len(values)),
    )


def _mean_interval(losses: FloatArray, w: FloatArray, mean: float, confidence: float) -> Pair | None:
    """Normal interval of a (weighted) mean of losses in [0, 1]; None for one row."""
    k = int(np.count_nonzero(w))
    if k < 2:
        return None
    variance = stable_sum((w * (losses - mean)) ** 2) / stable_sum(w) ** 2 * k / (k - 1)
    return within(normal(mean, math.sqrt(variance), confidence), 0.0, 1.0)


def murphy(
    score: FloatArray, label: BoolArray, w: FloatArray, index: Any, made: int
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """The parts of the Brier score over bins, and the bins' rows."""
    total = stable_sum(w)
    overall = stable_sum(w * label) / total
    rows: list[dict[str, Any]] = []
    parts = dict.fromkeys(
        ("reliability", "resolution", "uncertainty", "within_variance", "within_covariance"), 0.0
    )
    parts["uncertainty"] = overall * (1 - overall)
    order = np.argsort(index, kind="stable")
    for k, rows_of in enumerate(np.split(order, np.searchsorted(index[order], np.arange(1, made)))):
        mass = stable_sum(w[rows_of])
        if mass == 0:
            continue
        s, y, v = score[rows_of], label[rows_of].astype(np.float64), w[rows_of]
        mean, rate = stable_sum(v * s) / mass, stable_sum(v * y) / mass
        share = mass / total
        parts["reliability"] += share * (mean - rate) ** 2
        parts["resolution"] += share * (rate - overall) ** 2
        parts["within_variance"] += stable_sum(v * (s - mean) ** 2) / total
        parts["within_covariance"] += 2 * stable_sum(v * (s - mean) * (y - rate)) / total
        rows.append(
            {"bin": k + 1, "n": len(rows_of), "positives": int(y.sum()), "mean_score": mean, "rate": rate}
        )
    return parts, rows


def _notes(label: BoolArray, n: int) -> tuple[str, ...]:
    positives = int(np.count_nonzero(label))
    if 0 < positives < n:
        return ()
    which = "positive" if positives else "negative"
    return (f"All {n:,} labels are {which}: uncertainty and resolution are 0.",)
