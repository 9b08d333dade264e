"""More of how the score ranks: Gini, paired AUC, average precision, lift, rank order, concentration."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import norm

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import Pair, normal, wilson
from apps.engine.measures import ranking
from apps.engine.measures.bins import cut_points, place
from apps.engine.measures.performance import auc, ranked_input
from apps.engine.numeric import Ints, finite_scores, no_weights, stable_mean, stable_sum
from apps.engine.resample import cells_of_scores, percentile_interval
from apps.engine.values import Measured


def gini(
    *, score: FloatArray, label: BoolArray, weight: FloatArray | None = None, confidence: float = 0.95
) -> Measured:
    """Gini coefficient (accuracy ratio) ``2 AUC - 1``; in [-1, 1], higher is better; 0 is chance.

    Interval and edge cases are those of `auc`, stretched.

    Examples
    --------
    >>> gini(score=np.array([0.1, 0.4, 0.35, 0.8]), label=np.array([False, False, True, True])).exact
    Fraction(1, 2)
    """
    found = auc(score=score, label=label, weight=weight, confidence=confidence)
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
    no_weights(weight, "performance.auc_versus")
    if column not in columns:
        raise BadInput(f'There is no column "{column}" to compare with; there is {", ".join(columns)}.')
    ours, _ = ranked_input(score, label, None)
    theirs, _ = ranked_input(finite_scores(columns[column].numbers(), name=column), label, None)
    first, second = ranking.rank(ours, label), ranking.rank(theirs, label)
    gap = first.auc - second.auc
    error = _paired_error(ours, theirs, label, paired)
    z = None if not error else float(gap) / error
    return Measured(
        value=float(gap),
        exact=gap,
        n=len(ours),
        interval=None if error is None else normal(float(gap), error, confidence),
        confidence=confidence,
        method="DeLong, paired" if paired else "DeLong, unpaired",
        parameters={"auc": float(first.auc), "other_auc": float(second.auc)},
        tables={
            "test": [
                {
                    "test": "delong",
                    "statistic": z,
                    "df": None,
                    "p_value": None if z is None else float(2 * norm.sf(abs(z))),
                }
            ]
        },
    )


def _paired_error(ours: FloatArray, theirs: FloatArray, label: BoolArray, paired: bool) -> float | None:
    """The standard error of the difference of two AUCs on the same rows; None with one row in a class."""
    total = 0.0
    for one, other in zip(ranking.placements(ours, label), ranking.placements(theirs, label), strict=True):
        k = len(one)
        if k < 2:
            return None
        a, b = one - stable_mean(one), other - stable_mean(other)
        cross = 2 * stable_sum(a * b) if paired else 0.0
        total += (stable_sum(a * a) + stable_sum(b * b) - cross) / (k - 1) / k
    return math.sqrt(max(0.0, total))


def average_precision(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
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
    no_weights(weight, "performance.average_precision")
    values, _ = ranked_input(score, label, None)
    _, below_0, below_1 = ranking.cumulative(values, label)
    running = np.stack((below_0, below_1), axis=1)
    counts: Ints = running - np.concatenate((np.zeros((1, 2), dtype=np.int64), running[:-1]))
    cell, uppers = cells_of_scores(values)
    cells = np.bincount(cell * 2 + label, minlength=2 * len(uppers)).reshape(len(uppers), 2)
    return Measured(
        value=_precision_sum(counts),
        n=len(values),
        interval=percentile_interval(
            cells,
            lambda drawn: np.array([_precision_sum(one) for one in drawn]),
            seed=seed,
            confidence=confidence,
        ),
        confidence=confidence,
        method="no interpolation; bootstrap of counts in the distinct scores (at most 480 quantile cells)",
        parameters={"base_rate": int(label.sum()) / len(label)},
    )


def _precision_sum(counts: Ints) -> float:
    """Average precision of (scores ascending, 2) counts; NaN without positives."""
    down = counts[::-1]
    positives, rows = np.cumsum(down[:, 1]), np.cumsum(down.sum(axis=1))
    if positives[-1] == 0:
        return math.nan
    seen = down[:, 1] > 0
    return stable_sum(down[seen, 1] * positives[seen] / rows[seen]) / float(positives[-1])


def lift_and_gain(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    top: float = 0.1,
    bands: int = 10,
    confidence: float = 0.95,
) -> Measured:
    """Lift of the highest-scored share: its positive rate over the positive rate of all.

    In [0, 1 / base rate], higher is better; 1 is chance. The cut falls at a score, so rows tied with it are
    all in. The table ``bands`` has rate, lift and cumulative gain of score bands from the highest down.

    Parameters
    ----------
    top : float
        The share of rows looked at; the share really taken is in `parameters`.

    Examples
    --------
    >>> found = lift_and_gain(
    ...     score=np.array([0.1, 0.4, 0.35, 0.8]), label=np.array([False, False, True, True]), top=0.25
    ... )
    >>> found.exact
    Fraction(2, 1)
    """
    no_weights(weight, "performance.lift_and_gain")
    values, _ = ranked_input(score, label, None)
    n, positives = len(values), int(label.sum())
    cut = np.sort(values)[n - max(1, math.ceil(round(top * n, 9)))]
    taken = values >= cut
    k, hits = int(taken.sum()), int(label[taken].sum())
    base = positives / n
    low, high = wilson(hits, k, confidence)
    exact = Fraction(hits * n, k * positives)
    return Measured(
        value=float(exact),
        exact=exact,
        n=n,
        interval=(low / base, high / base),
        confidence=confidence,
        method="Wilson for the rate at the top, the base rate taken as given",
        parameters={"share_taken": k / n, "at_score": float(cut), "gain": hits / positives},
        tables={"bands": _gain_rows(values, label, bands)},
    )


def _gain_rows(values: FloatArray, label: BoolArray, bands: int) -> list[dict[str, Any]]:
    rows = banded(values, label, bands)[::-1]
    positives, n, seen, found = int(label.sum()), len(values), 0, 0
    table = []
    for row in rows:
        seen, found = seen + row["n"], found + row["positives"]
        table.append(
            {
                **row,
                "lift": row["rate"] * n / positives,
                "cumulative_share": seen / n,
                "cumulative_gain": found / positives,
            }
        )
    return table


def banded(values: FloatArray, label: BoolArray, bands: int) -> list[dict[str, Any]]:
    """Score bands of equal counts, ascending: rows, positives, rate and Wilson interval of each."""
    placed = place(values, cut_points(np.sort(values), "quantile", bands))
    counts = np.bincount(placed.index * 2 + label, minlength=2 * len(placed.uppers)).reshape(-1, 2)
    rows = []
    for k, (negatives, positives) in enumerate(counts.tolist()):
        n = negatives + positives
        inside = values[placed.index == k]
        low, high = wilson(positives, n)
        rows.append(
            {
                "band": k + 1,
                "lowest": float(inside.min()),
                "highest": float(inside.max()),
                "n": n,
                "positives": positives,
                "rate": positives / n,
                "low": low,
                "high": high,
            }
        )
    return rows


def rank_ordering(
    *, score: FloatArray, label: BoolArray, weight: FloatArray | None = None, bands: int = 10
) -> Measured:
    """The number of neighbouring score bands whose positive rate falls as the score rises.

    In [0, bands - 1], lower is better; 0 means the rate rises or stays from band to band. The count is
    exact; the table ``bands`` has each band's rate, its interval and whether it breaks the order.

    Raises
    ------
    Unmeasurable
        As for `auc`.

    Examples
    --------
    >>> found = rank_ordering(score=np.arange(4.0), label=np.array([True, False, True, True]), bands=2)
    >>> found.value
    0.0
    """
    no_weights(weight, "performance.rank_ordering")
    values, _ = ranked_input(score, label, None)
    rows = banded(values, label, bands)
    breaks = [False] + [b["positives"] * a["n"] < a["positives"] * b["n"] for a, b in pairwise(rows)]
    return Measured(
        value=float(sum(breaks)),
        exact=Fraction(sum(breaks)),
        n=len(values),
        method="bands of equal counts, ties kept together; rates compared as integers",
        parameters={"bands_made": len(rows)},
        tables={"bands": [{**row, "breaks": b} for row, b in zip(rows, breaks, strict=True)]},
    )


def concentration(
    *,
    score: FloatArray,
    weight: FloatArray | None = None,
    bands: int = 10,
    rule: str = "width",
    seed: int = 0,
    confidence: float = 0.95,
) -> Measured:
    """Herfindahl-Hirschman index of the shares of rows in score bands, ``Σ share²``.

    In [1 / bands, 1], lower is better: a high index means that most people share a band.

    Parameters
    ----------
    rule : {"width", "unique"}
        Bands of equal width from the lowest to the highest score, or one for every distinct score.

    Raises
    ------
    Unmeasurable
        Undefined: a score that is not finite. Insufficient: no rows or a constant score.

    Examples
    --------
    >>> concentration(score=np.array([0.0, 0.0, 1.0, 1.0]), bands=2).exact
    Fraction(1, 2)
    """
    no_weights(weight, "performance.concentration")
    values = finite_scores(score)
    edges = cut_points(np.sort(values), rule, bands)
    if not len(edges) or values.min() == values.max():
        raise Unmeasurable("All scores are equal: there is one band.", status="insufficient")
    counts = np.bincount(place(values, edges).index, minlength=len(edges) + 1)
    exact = Fraction(int((counts.astype(object) ** 2).sum()), len(values) ** 2)
    return Measured(
        value=float(exact),
        exact=exact,
        n=len(values),
        interval=_hhi_interval(counts, seed, confidence),
        confidence=confidence,
        method="sum of squared shares; bootstrap of the counts",
        parameters={"bands_made": len(counts)},
        tables={"bands": [{"band": k + 1, "n": int(c)} for k, c in enumerate(counts)]},
    )


def _hhi_interval(counts: Ints, seed: int, confidence: float) -> Pair | None:
    n = int(counts.sum())
    return percentile_interval(
        counts, lambda drawn: ((drawn / n) ** 2).sum(axis=1), seed=seed, confidence=confidence
    )
