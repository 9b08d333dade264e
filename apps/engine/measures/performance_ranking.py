"""More of how the score ranks: Gini, paired AUC, average precision, lift, rank order, concentration."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import NoSuchColumn
from apps.engine.intervals import normal, within
from apps.engine.measures import ranking
from apps.engine.measures.performance import auc
from apps.engine.measures.runs import Runs, Scored, Weighted
from apps.engine.numeric import (
    Ints,
    finite_scores,
    how_many,
    stable_sum,
)
from apps.engine.resample import Drawn, cell_places, drawn
from apps.engine.values import Measured


def gini(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    confidence: float = 0.95,
    interval: str = "auto",
) -> Measured:
    """Gini coefficient (accuracy ratio) ``2 AUC - 1``; in [-1, 1], higher is better; 0 is chance.

    Interval and edge cases are those of `auc`, stretched.

    Examples
    --------
    >>> gini(score=np.array([0.1, 0.4, 0.35, 0.8]), label=np.array([False, False, True, True])).exact
    Fraction(1, 2)
    """
    found = auc(
        score=score, label=label, weight=weight, count=count, confidence=confidence, interval=interval
    )
    ends = None if found.interval is None else tuple(2 * float(end or 0) - 1 for end in found.interval)
    exact = None if found.exact is None else 2 * found.exact - 1
    value = float(exact) if exact is not None else 2 * float(found.value or 0) - 1
    return replace(found, value=value, exact=exact, interval=None if ends is None else (ends[0], ends[1]))


def auc_versus(
    *,
    score: FloatArray,
    label: BoolArray,
    columns: Columns,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    column: str,
    paired: bool = True,
    confidence: float = 0.95,
) -> Measured:
    """The AUC of the score less that of another score in a column; in [-1, 1], higher is better.

    Both scores see the same rows: DeLong's covariance of the placements makes the interval and the test
    (table ``test``). With ``paired: false`` the covariance is left out.

    Parameters
    ----------
    columns : Columns
        Every column of the file.
    column : str
        The other score: a challenger, or the version before.

    Raises
    ------
    BadInput
        No such column, or not numeric.
    Unmeasurable
        As for `auc`, of either score.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837-845.

    Examples
    --------
    >>> label = np.array([False, False, True, True])
    >>> other = Columns.of(old=[0.1, 0.9, 0.2, 0.8])
    >>> found = auc_versus(score=np.array([0.1, 0.2, 0.8, 0.9]), label=label, columns=other, column="old")
    >>> found.exact
    Fraction(1, 2)
    """
    if column not in columns:
        raise NoSuchColumn(f'There is no column "{column}" to compare with; there is {", ".join(columns)}.')
    ours = Scored.of(score, label, weight, count)
    other = finite_scores(columns[column].numbers(), name=column, count=ours.count)
    theirs = Scored.of(other, label, weight, count)
    first, second = (_area(scored) for scored in (ours, theirs))
    exact = first - second if isinstance(first, Fraction) and isinstance(second, Fraction) else None
    gap = float(exact if exact is not None else first - second)
    error = _paired_error(ours, theirs, paired)
    z = None if not error else gap / error
    p_value = None if z is None else float(2 * norm.sf(abs(z)))
    return Measured(
        value=gap,
        exact=exact,
        n=ours.n,
        interval=None if error is None else within(normal(gap, error, confidence), -1.0, 1.0),
        confidence=confidence,
        method=f"DeLong, {'paired' if paired else 'unpaired'}" + (", linearised" if exact is None else ""),
        parameters={"auc": float(first), "other_auc": float(second)},
        tables={"test": [{"test": "delong", "statistic": z, "df": None, "p_value": p_value}]},
    )


def _area(scored: Scored) -> Fraction | float:
    if scored.weight is not None:
        return ranking.weighted_auc(scored.weighted_runs())[0]
    return ranking.rank(scored.score, scored.label, scored.count).auc


def _paired_error(ours: Scored, theirs: Scored, paired: bool) -> float | None:
    """The standard error of the difference of two AUCs on the same rows; None with one row in a class."""
    total = 0.0
    for side, one, other in zip(
        (ours.label, ~ours.label), ranking.placements(ours), ranking.placements(theirs), strict=True
    ):
        w = np.ones(len(one)) if ours.weight is None else ours.weight[side]
        count = None if ours.count is None else ours.count[side]
        k, mass = how_many(w > 0, count), stable_sum(w, count)
        if k < 2:
            return None
        parts = [part - stable_sum(w * part, count) / mass for part in (one, other)]
        apart = [parts[0] - parts[1]] if paired else parts
        total += sum(ranking.linearised(part, w * w, mass, k, count) for part in apart)
    return math.sqrt(max(0.0, total))


def average_precision(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    seed: int = 0,
    confidence: float = 0.95,
) -> Measured:
    """Average precision ``Σ (R_k - R_{k-1}) P_k`` over distinct scores from the highest down.

    In [0, 1], higher is better; chance is the base rate. Rows with the same score enter together; nothing is
    interpolated.

    Raises
    ------
    Unmeasurable
        As for `auc`.

    Examples
    --------
    >>> found = average_precision(
    ...     score=np.array([0.1, 0.4, 0.35, 0.8]), label=np.array([False, False, True, True])
    ... )
    >>> round(found.value, 6)
    0.833333
    """
    scored = Scored.of(score, label, weight, count)
    runs = scored.runs()
    draws = _precision_draws(runs, seed)
    return Measured(
        value=_precision_sum(_masses(runs)),
        n=scored.n,
        interval=draws.percentile(confidence),
        confidence=confidence,
        method="no interpolation; bootstrap of counts in the distinct scores (at most 480 quantile cells)"
        + ("" if isinstance(runs, Runs) else ", drawn at Kish's effective size"),
        parameters={"base_rate": runs.totals[1] / sum(runs.totals)},
        notes=draws.notes(),
    )


def _masses(runs: Runs | Weighted) -> FloatArray:
    """Rows or weights of each run and class, as floats (k, 2)."""
    if isinstance(runs, Weighted):
        return runs.mass
    return np.stack((runs.negatives, runs.positives), axis=1).astype(np.float64)


def _precision_draws(runs: Runs | Weighted, seed: int) -> Drawn:
    running = np.cumsum(_masses(runs), axis=0)
    below = running.sum(axis=1)
    places = cell_places(np.floor(below / below[-1] * 2.0**40).astype(np.int64))
    cells = np.diff(running[places], axis=0, prepend=0.0)
    effective = runs.effective() if isinstance(runs, Weighted) else None
    return drawn(cells, _precision_sums, seed=seed, effective=effective)


def _precision_sums(drawn: npt.NDArray[np.generic]) -> FloatArray:
    """Average precision of each of many (scores ascending, 2) counts; NaN without positives."""
    down = drawn[:, ::-1].astype(np.float64)
    positives, rows = np.cumsum(down[..., 1], axis=1), np.cumsum(down.sum(axis=2), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = np.where(down[..., 1] > 0, down[..., 1] * positives / rows, 0.0)
        found: FloatArray = parts.sum(axis=1) / positives[:, -1]
    return found


def _precision_sum(masses: FloatArray) -> float:
    """Average precision of (scores ascending, 2) rows or weights."""
    down = masses[::-1]
    positives, rows = np.cumsum(down[:, 1]), np.cumsum(down.sum(axis=1))
    seen = down[:, 1] > 0
    return min(1.0, stable_sum(down[seen, 1] * positives[seen] / rows[seen]) / float(positives[-1]))
