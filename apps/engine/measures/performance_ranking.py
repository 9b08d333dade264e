"""More of how the score ranks: Gini, paired AUC, average precision, lift, rank order, concentration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import Pair, normal, within
from apps.engine.measures import ranking
from apps.engine.measures.bins import Band, band_of, bands_of, inner_edges, place
from apps.engine.measures.performance import auc
from apps.engine.measures.runs import Runs, Scored, Weighted
from apps.engine.numeric import (
    Ints,
    counted,
    counts_or_none,
    finite_scores,
    how_many,
    same_length,
    stable_sum,
    total_of,
    weighted_counts,
    weights_or_none,
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
) -> Measured:
    """Gini coefficient (accuracy ratio) ``2 AUC - 1``; in [-1, 1], higher is better; 0 is chance.

    Interval and edge cases are those of `auc`, stretched.

    Examples
    --------
    >>> gini(score=np.array([0.1, 0.4, 0.35, 0.8]), label=np.array([False, False, True, True])).exact
    Fraction(1, 2)
    """
    found = auc(score=score, label=label, weight=weight, count=count, confidence=confidence)
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
        raise BadInput(f'There is no column "{column}" to compare with; there is {", ".join(columns)}.')
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
    runs = scored.runs()
    return ranking.rank_runs(runs).auc if isinstance(runs, Runs) else ranking.weighted_auc(runs)[0]


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


def lift_and_gain(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
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
    scored = Scored.of(score, label, weight, count)
    runs = scored.runs()
    whole = band_of(runs, 0, len(runs.values))
    cut = _cut_from_top(runs, top)
    taken = band_of(runs, cut, len(runs.values))
    low, high = taken.interval(confidence)
    exact = (
        Fraction(taken.hits * whole.mass) / Fraction(taken.mass * whole.hits)
        if isinstance(runs, Runs)
        else None
    )
    return Measured(
        value=taken.rate / whole.rate if exact is None else float(exact),
        exact=exact,
        n=scored.n,
        interval=(low / whole.rate, high / whole.rate),
        confidence=confidence,
        method="Wilson for the rate at the top, the base rate taken as given"
        + ("" if exact is not None else "; on Kish's effective size"),
        parameters={
            "share_taken": taken.mass / whole.mass,
            "at_score": float(runs.values[cut]),
            "gain": taken.hits / whole.hits,
        },
        tables={"bands": _gain_rows(bands_of(runs, bands), whole)},
    )


def _cut_from_top(runs: Runs | Weighted, top: float) -> int:
    """The first run of the highest-scored share: it and all above hold at least that share."""
    mass = runs.rows if isinstance(runs, Runs) else runs.mass.sum(axis=1)
    above = np.cumsum(mass[::-1])[::-1]
    wanted = top * float(above[0]) * (1 - 1e-12)
    return int(np.flatnonzero(above >= wanted)[-1])


def _gain_rows(bands: Sequence[Band], whole: Band) -> list[dict[str, Any]]:
    table, seen, found = [], 0.0, 0.0
    for number in range(len(bands), 0, -1):
        band = bands[number - 1]
        seen, found = seen + band.mass, found + band.hits
        table.append(
            {
                **band.row(number),
                "lift": band.rate / whole.rate,
                "cumulative_share": min(1.0, seen / whole.mass),
                "cumulative_gain": min(1.0, found / whole.hits),
            }
        )
    return table


def rank_ordering(
    *,
    score: FloatArray,
    label: BoolArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    bands: int = 10,
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
    scored = Scored.of(score, label, weight, count)
    runs = scored.runs()
    made = bands_of(runs, bands)
    breaks = [False] + [b.hits * a.mass < a.hits * b.mass for a, b in pairwise(made)]
    rows = [band.row(k) for k, band in enumerate(made, start=1)]
    return Measured(
        value=float(sum(breaks)),
        exact=Fraction(sum(breaks)),
        n=scored.n,
        method="bands of equal counts, ties kept together; rates compared as integers"
        if isinstance(runs, Runs)
        else "bands of equal weight, ties kept together; sums of weights",
        parameters={"bands_made": len(rows)},
        tables={"bands": [{**row, "breaks": b} for row, b in zip(rows, breaks, strict=True)]},
    )


def concentration(
    *,
    score: FloatArray,
    weight: FloatArray | None = None,
    count: Ints | None = None,
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
    times = counts_or_none(count, len(score))
    same_length(score=score, weight=weight)
    values, weights = finite_scores(score, count=times), weights_or_none(weight, times)
    kept = slice(None) if weights is None else weights > 0
    edges = inner_edges(values[kept], rule, bands)
    if not len(edges):
        raise Unmeasurable("All scores are equal: there is one band.", status="insufficient")
    placed = place(values, edges).index
    n = total_of(times, len(values))
    if weights is not None:
        return _weighted_concentration(
            *weighted_counts(placed, weights, len(edges) + 1, times), n, seed, confidence
        )
    rows = counted(placed, times, len(edges) + 1)
    exact = Fraction(int((rows.astype(object) ** 2).sum()), n**2)
    draws = drawn(rows, _hhi, seed=seed)
    return Measured(
        value=float(exact),
        exact=exact,
        n=n,
        interval=_at_most_one(draws.moved(float(exact), confidence)),
        confidence=confidence,
        method="sum of squared shares; bootstrap of the counts, percentiles moved by the bias",
        parameters={"bands_made": len(rows)},
        tables={"bands": [{"band": k + 1, "n": int(c)} for k, c in enumerate(rows)]},
    )


def _weighted_concentration(
    mass: FloatArray, squares: FloatArray, n: int, seed: int, confidence: float
) -> Measured:
    effective = stable_sum(mass) ** 2 / stable_sum(squares)
    draws = drawn(mass, _hhi, seed=seed, effective=effective)
    value = min(1.0, float(_hhi(mass[None])[0]))
    return Measured(
        value=value,
        n=n,
        interval=_at_most_one(draws.moved(value, confidence)),
        confidence=confidence,
        method="sum of squared shares of weight; bootstrap at Kish's effective size, moved by the bias",
        parameters={"bands_made": len(mass), "weighted": True, "effective_size": effective},
        tables={"bands": [{"band": k + 1, "weight": float(w)} for k, w in enumerate(mass)]},
    )


def _at_most_one(ends: Pair | None) -> Pair | None:
    return None if ends is None else (ends[0], min(1.0, ends[1]))


def _hhi(drawn_masses: npt.NDArray[np.generic]) -> FloatArray:
    masses = drawn_masses.astype(np.float64)
    found: FloatArray = ((masses / masses.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return found
