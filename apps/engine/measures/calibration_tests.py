"""Tests of calibration: in the large, slope, Hosmer-Lemeshow, Spiegelhalter, binned errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import chi2, norm

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import Pair, normal
from apps.engine.measures.forecasts import Binned, Forecasts, binned
from apps.engine.measures.logistic import levels, logistic, require_overlap
from apps.engine.measures.means import Rows, effective_size
from apps.engine.numeric import Ints, how_many, no_weights, two_classes
from apps.engine.resample import drawn_values
from apps.engine.values import Measured


def ece(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    seed: int = 0,
    bins: int = 10,
    binning: str = "width",
    norm: str = "l1",
    confidence: float = 0.95,
) -> Measured:
    """Expected calibration error: how far mean score and outcome rate lie apart over bins.

    ``l1``: ``Σ n_k |s_k - o_k| / n``; ``l2``: the root of ``Σ n_k (s_k - o_k)² / n``; ``max``: the
    largest. In
    [0, 1], lower is better. The interval is a bootstrap of (bin, outcome) counts with the bins' mean scores
    as they are: below, the error less how far draws lie from the sample; above, raised by how far they fall
    below their mean.

    Parameters
    ----------
    bins, binning : int, {"width", "quantile", "unique"}
        The bin rule.
    norm : {"l1", "l2", "max"}
        How the bins are joined.

    Raises
    ------
    Unmeasurable
        Undefined: a score that is no probability. Insufficient: no rows.

    References
    ----------
    Naeini, Cooper, Hauskrecht (2015), AAAI, 2901-2907. Kumar, Liang, Ma (2019), NeurIPS 32.

    Examples
    --------
    >>> ece(score=np.array([0.25, 0.25, 0.75, 0.75]), label=np.array([True, False, True, True])).value
    0.25
    """
    held = binned(Forecasts.of(score, label, weight, count), bins, binning)
    gaps = np.abs([b.mean - b.rate for b in held.bins])
    value = float(_joined(np.array([[b.mass for b in held.bins]]), gaps[None], norm)[0])
    weighted = held.rows.weight is not None
    drawn_from = "weight at Kish's effective size" if weighted else "counts"
    return Measured(
        value=value,
        n=held.rows.n,
        interval=_ece_interval(held, value, norm, seed, confidence),
        confidence=confidence,
        method=f"{norm} over bins; bootstrap of {drawn_from}, distances of draws",
        parameters={"bins_made": len(held.bins), **({"weighted": True} if weighted else {})},
        tables={"bins": [b.row_with_gap() for b in held.bins]},
        notes=held.rows.one_class(),
    )


def _joined(n: FloatArray, gaps: FloatArray, norm: str) -> FloatArray:
    """The error of (draws, bins) counts and absolute gaps."""
    found: FloatArray
    if norm == "max":
        found = np.where(n > 0, gaps, 0.0).max(axis=1)
    elif norm == "l2":
        found = np.sqrt((n * gaps * gaps).sum(axis=1) / n.sum(axis=1))
    else:
        found = (n * gaps).sum(axis=1) / n.sum(axis=1)
    return found


def _ece_interval(held: Binned, value: float, norm: str, seed: int, confidence: float) -> Pair:
    """The sample's error less one distance and raised by another, each estimated from draws.

    As a distance, a sample's error exceeds the true one by no more than its rates lie from the true rates:
    below, it is lessened by how far draws lie from the sample. On average it is no less than the true one:
    above, it is raised by how far draws fall below their own mean.
    """
    means, rates = (np.array([getattr(b, name) for b in held.bins]) for name in ("mean", "rate"))
    mass = np.array([b.mass for b in held.bins])
    cells = np.stack((mass * (1 - rates), mass * rates), axis=1)
    effective = None
    if held.rows.weight is None:
        cells = np.array([[b.n - b.positives, b.positives] for b in held.bins])
    else:
        effective = effective_size(held.rows.weight, held.rows.count)

    def both(draws: Ints) -> FloatArray:
        n = draws.sum(axis=2)
        drawn_rates = np.where(n > 0, draws[:, :, 1] / np.where(n > 0, n, 1), rates)
        return np.stack([_joined(n, np.abs(drawn_rates - of), norm) for of in (means, rates)], axis=1)

    errors, apart = drawn_values(cells, both, seed=seed, effective=effective).T
    tail = (1 - confidence) / 2
    above = max(0.0, float(errors.mean() - np.quantile(errors, tail, method="linear")))
    return max(0.0, value - float(np.quantile(apart, 1 - tail, method="linear"))), min(1.0, value + above)


def reliability_curve(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    bins: int = 10,
    binning: str = "quantile",
    confidence: float = 0.95,
) -> Measured:
    """Share of rows in bins whose mean score lies within the interval of the bin's outcome rate.

    In [0, 1], higher is better; the table ``curve`` has mean score, rate and Wilson interval of each bin.

    Raises
    ------
    Unmeasurable
        As for `ece`.

    Examples
    --------
    >>> found = reliability_curve(score=np.array([0.25] * 8), label=np.array([True] * 2 + [False] * 6))
    >>> found.value, len(found.tables["curve"])
    (1.0, 1)
    """
    forecasts = Forecasts.of(score, label, weight, count)
    forecasts.require_two_rows("no curve")
    held = binned(forecasts, bins, binning)
    rows = [b.row_with_gap(confidence) for b in held.bins]
    for row in rows:
        row["inside"] = row["low"] <= row["mean_score"] <= row["high"]
    inside = math.fsum(b.mass for b, row in zip(held.bins, rows, strict=True) if row["inside"])
    weighted = held.rows.weight is not None
    return Measured(
        value=min(1.0, inside / held.rows.rows.mass),
        n=held.rows.n,
        confidence=confidence,
        method="bins; Wilson for each rate" + (", on Kish's effective size" if weighted else ""),
        parameters={"bins_made": len(rows)},
        tables={"curve": rows},
        notes=held.rows.one_class(),
    )


def in_the_large(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
) -> Measured:
    """Mean score less outcome rate; in [-1, 1], 0 is best; above 0 the risk is overstated.

    The interval is normal on the standard error of the paired differences. The table ``test`` has the
    z-test on
    the variance that the scores themselves imply, ``Σ s (1 - s)``.

    Examples
    --------
    >>> in_the_large(score=np.array([0.5, 0.5]), label=np.array([True, False])).value
    0.0
    """
    rows = Forecasts.of(score, label, weight, count)
    found = rows.mean(lambda s, y: s - y)
    implied = _squared(rows, lambda s: s * (1 - s))
    z = rows.total(lambda s, y: s - y) / math.sqrt(implied) if implied else None
    return Measured(
        value=found.value,
        n=rows.n,
        interval=found.interval(confidence),
        confidence=confidence,
        method="mean of differences; normal",
        parameters={
            "expected": rows.total(lambda s, y: s),
            "observed": rows.positives if rows.weight is None else rows.hits,
        },
        tables={"test": [_z_row("z_in_the_large", z)]},
        notes=rows.one_class(),
    )


def _squared(rows: Forecasts, terms: Callable[[FloatArray], FloatArray]) -> float:
    """The sum of a term of each score times its squared weight: the variance of a weighted sum."""
    squares = None if rows.weight is None else np.square(rows.weight)
    return Rows(len(rows.score), squares, rows.count).total(lambda part: terms(rows.score[part]))


def _z_row(test: str, z: float | None) -> dict[str, Any]:
    p = None if z is None else float(2 * norm.sf(abs(z)))
    return {"test": test, "statistic": z, "df": None, "p_value": p}


def slope(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
) -> Measured:
    """Calibration slope: the coefficient of logit(score) in a logistic regression of the outcome.

    1 is best; below 1 the scores are too extreme, above 1 too timid. Maximum likelihood by Newton's method
    with an
    intercept; the interval is Wald's.

    Raises
    ------
    Unmeasurable
        Insufficient: one class or a constant score. Undefined: a score of 0 or 1, or classes that the score
        separates, so that the slope has no bound.

    References
    ----------
    Cox (1958), Biometrika 45, 562-565. Van Calster et al. (2019), BMC Medicine 17, 230.

    Examples
    --------
    >>> score = np.repeat([0.2, 0.8], 10)
    >>> label = np.array([True] * 2 + [False] * 8 + [True] * 8 + [False] * 2)
    >>> round(slope(score=score, label=label).value, 9)
    1.0
    """
    rows = Forecasts.of(score, label, weight, count)
    kept = rows if rows.weight is None else rows.part(np.flatnonzero(rows.weight > 0))
    two_classes(kept.label, kept.count)
    ends = how_many((kept.score == 0) | (kept.score == 1), kept.count)
    if ends:
        raise Unmeasurable(f"The score is 0 or 1 in {ends:,} of {rows.n:,} rows: its logit is infinite.")
    if kept.score.min() == kept.score.max():
        raise Unmeasurable("A constant score has no slope.", status="insufficient")
    scores, mass, squares = levels(kept)
    require_overlap(mass)
    intercept, found, error = logistic(np.log(scores / (1 - scores)), mass, squares)
    return Measured(
        value=found,
        n=rows.n,
        interval=normal(found, error, confidence),
        confidence=confidence,
        method="logistic regression on logit(score), maximum likelihood; Wald"
        if rows.weight is None
        else "weighted logistic regression on logit(score); Wald, robust standard error",
        parameters={"intercept": intercept, "standard_error": error},
        tables={"test": [_z_row("wald_slope_is_1", (found - 1) / error)]},
    )


def hosmer_lemeshow(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    bins: int = 10,
    binning: str = "quantile",
    sample: str = "external",
) -> Measured:
    """Hosmer-Lemeshow test: the p-value that binned outcomes fit the scores; in [0, 1], higher is better.

    ``χ² = Σ (o_k - e_k)² / (e_k (1 - e_k / n_k))``, e the sum of scores in bin k. Degrees of freedom: the
    number
    of bins G for scores given from outside, as in validation; G - 2 for the sample the model was fitted on.

    Parameters
    ----------
    binning : {"quantile", "width", "unique"}
        The grouping rule.
    sample : {"external", "fitted"}
        Decides the degrees of freedom.

    Raises
    ------
    Unmeasurable
        Undefined: a bin whose scores are all 0 or all 1; no degrees of freedom left.

    References
    ----------
    Hosmer, Lemeshow (1980), Communications in Statistics A 9, 1043-1069.

    Examples
    --------
    >>> score = np.repeat([0.2, 0.8], 10)
    >>> label = np.array([True] * 2 + [False] * 8 + [True] * 8 + [False] * 2)
    >>> hosmer_lemeshow(score=score, label=label, binning="unique").value
    1.0
    """
    no_weights(weight, "calibration.hosmer_lemeshow")
    forecasts = Forecasts.of(score, label, None, count)
    forecasts.require_two_rows("no test of calibration")
    held = binned(forecasts, bins, binning)
    rows = [b.row_with_gap() for b in held.bins]
    df = len(rows) - (2 if sample == "fitted" else 0)
    if df < 1:
        raise Unmeasurable(f"{len(rows)} bins leave no degree of freedom.", status="insufficient")
    statistic = math.fsum(_hl_part(row) for row in rows)
    p = float(chi2.sf(statistic, df))
    return Measured(
        value=p,
        n=held.rows.n,
        method="Pearson's chi-square over bins of scores",
        parameters={"bins_made": len(rows), "degrees_of_freedom": df, "statistic": statistic},
        tables={
            "test": [{"test": "hosmer_lemeshow", "statistic": statistic, "df": df, "p_value": p}],
            "bins": rows,
        },
    )


def _hl_part(row: dict[str, Any]) -> float:
    expected = row["mean_score"] * row["n"]
    variance = expected * (1 - row["mean_score"])
    if variance == 0:
        raise Unmeasurable(
            f"All {row['n']:,} scores of bin {row['bin']} are {row['mean_score']:g}: no variance."
        )
    return float((row["positives"] - expected) ** 2 / variance)


def spiegelhalter(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
) -> Measured:
    """Spiegelhalter's test of the Brier score: its two-sided p-value; in [0, 1], higher is better.

    ``Z = Σ (y - s)(1 - 2 s) / √(Σ (1 - 2 s)² s (1 - s))``, standard normal if the scores are the
    probabilities.

    Raises
    ------
    Unmeasurable
        Undefined: every score is 0, ½ or 1, so that Z has no variance.

    References
    ----------
    Spiegelhalter (1986), Statistics in Medicine 5, 421-433.

    Examples
    --------
    >>> found = spiegelhalter(score=np.array([0.2, 0.7]), label=np.array([False, True]))
    >>> round(found.parameters["statistic"], 6)
    -0.794719
    """
    rows = Forecasts.of(score, label, weight, count)
    rows.require_two_rows("no test of calibration")
    variance = _squared(rows, lambda s: (1 - 2 * s) ** 2 * s * (1 - s))
    if variance == 0:
        raise Unmeasurable(f"All {rows.n:,} scores are 0, 1/2 or 1: the statistic has no variance.")
    z = rows.total(lambda s, y: (y - s) * (1 - 2 * s)) / math.sqrt(variance)
    row = _z_row("spiegelhalter", z)
    return Measured(
        value=row["p_value"],
        n=rows.n,
        method="normal, two-sided",
        parameters={"statistic": z},
        tables={"test": [row]},
    )
