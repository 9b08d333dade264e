"""Where a model is weak, and whether two copies of it agree."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from apps.engine.columns import MISSING, BoolArray, Columns, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.explain.frame import frames
from apps.engine.intervals import holm
from apps.engine.measures.explainability import ranks
from apps.engine.measures.robustness import threshold_of
from apps.engine.numeric import no_weights
from apps.engine.values import Measured

Rows = list[dict[str, Any]]


def weak_segments(
    *,
    features: Columns,
    label: BoolArray,
    predicted: BoolArray,
    weight: FloatArray | None = None,
    bins: int = 4,
    min_size: int = 50,
    alpha: float = 0.05,
) -> Measured:
    """Count segments of one feature whose error rate is significantly above the rest's.

    A segment is a level of a category, a quantile bin of a number, or its missing values. Each is held
    against all other rows by the one-sided hypergeometric (Fisher exact) test, p-values adjusted by Holm.
    The value is the number of segments with adjusted p below `alpha`. Range [0, inf), lower is better.

    Parameters
    ----------
    features : Columns
        What segments are made of.
    label, predicted : bool array (n,)
        Outcome and prediction; an error is where they differ.
    bins : int
        Quantile bins of a number; fewer distinct values are segments themselves.
    min_size : int
        Smaller segments are not tested.
    alpha : float
        Level after adjustment.

    Returns
    -------
    Measured
        Table ``segments`` by p-value; the parameter ``comparisons`` is the number of tests.

    Raises
    ------
    Unmeasurable
        If rows differ in weight, for the test counts rows, or no segment is large enough.

    References
    ----------
    Fisher (1935), The logic of inductive inference. Holm (1979), A simple sequentially rejective procedure.

    Examples
    --------
    >>> rows = Columns.of(a=["x"] * 60 + ["y"] * 60)
    >>> truth = np.ones(120, bool)
    >>> weak_segments(features=rows, label=truth, predicted=np.arange(120) < 60).value
    1.0
    """
    from scipy.stats import hypergeom

    no_weights(weight, "robustness.weak_segments")
    wrong = label != predicted
    n, errors = len(wrong), int(wrong.sum())
    table: Rows = []
    for feature, segment, inside in _segments(features, bins):
        size, hits = int(inside.sum()), int((wrong & inside).sum())
        if size < min_size or size == n:
            continue
        table.append(
            {
                "feature": feature,
                "segment": segment,
                "n": size,
                "errors": hits,
                "error_rate": hits / size,
                "rest_error_rate": (errors - hits) / (n - size),
                "p_value": float(hypergeom.sf(hits - 1, n, errors, size)),
            }
        )
    if not table:
        raise Unmeasurable(f"No segment has {min_size} rows beside others.", status="insufficient")
    for row, adjusted in zip(table, holm([r["p_value"] for r in table]), strict=True):
        row |= {"p_adjusted": adjusted, "weak": adjusted < alpha}
    table.sort(key=lambda r: (r["p_value"], r["feature"], r["segment"]))
    return Measured(
        value=float(sum(r["weak"] for r in table)),
        n=n,
        method="one-sided Fisher exact test of each segment against the rest, Holm-adjusted",
        parameters={"comparisons": len(table), "error_rate": errors / n},
        tables={"segments": table},
        notes=(f"{len(table)} segments were compared.",),
    )


def implementation_equivalence(
    *,
    score: FloatArray,
    score_column: FloatArray | None,
    predicted: BoolArray | None = None,
    twin: Callable[[], FloatArray] | None = None,
    tolerance: float = 1e-5,
    against: str = "column",
) -> Measured:
    """Measure the largest difference between the model's scores and those of another implementation.

    The value is max |model - other| over the rows that have both. Range [0, inf), lower is better.

    Parameters
    ----------
    score : float array (n,)
        The model's scores: an artifact's, run here, or a service's, asked.
    score_column : float array (n,) or None
        Scores of another implementation that came with the rows.
    predicted : bool array (n,), optional
        Decisions, from which a threshold is read to count turned decisions.
    twin : callable, optional
        Gives the scores of the service that stands beside the artifact.
    tolerance : float
        Rows beyond it are counted.
    against : {"column", "endpoint"}
        Which other implementation.

    Returns
    -------
    Measured
        Table ``differences``: largest, 99.9th percentile, mean, rows and share beyond the tolerance, rows
        without a second score, turned decisions, and Spearman's rank correlation of the two.

    Raises
    ------
    Unmeasurable
        If there is no second column, no row has both, or a row has one of the two only.

    Examples
    --------
    >>> implementation_equivalence(score=np.array([0.5, 0.25]), score_column=np.array([0.5, 0.5])).value
    0.25
    """
    other = _other(score_column, twin, against)
    both = np.isfinite(score) & np.isfinite(other)
    if not both.any():
        raise Unmeasurable("No row has a score from both implementations.", status="insufficient")
    alone = int((np.isfinite(score) != np.isfinite(other)).sum())
    if alone:
        raise Unmeasurable(
            f"{alone:,} of {len(both):,} rows have a finite score from one implementation only: they differ, "
            "and by no number."
        )
    gap = np.sort(np.abs(score[both] - other[both]))
    row = {
        "largest": float(gap[-1]),
        "p99_9": float(np.quantile(gap, 0.999)),
        "mean": float(gap.mean()),
        "beyond": int((gap > tolerance).sum()),
        "share_beyond": float((gap > tolerance).mean()),
        "without_both": int((~both).sum()),
        "turned_decisions": _turned(score, other, both, predicted),
        "rank_correlation": rank_correlation(score[both], other[both]),
    }
    return Measured(
        value=row["largest"],
        n=int(both.sum()),
        method="largest absolute difference of paired scores",
        tables={"differences": [row]},
        notes=_without(int((~both).sum()), len(both)),
    )


def _other(column: FloatArray | None, twin: Callable[[], FloatArray] | None, against: str) -> FloatArray:
    if against == "endpoint":
        if twin is None:
            raise Unmeasurable("The manifest names no endpoint beside the artifact to compare with.")
        return twin()
    if column is None:
        raise Unmeasurable("The manifest names no score column beside the artifact to compare with.")
    return column


def _turned(score: FloatArray, other: FloatArray, both: BoolArray, predicted: BoolArray | None) -> int | None:
    """Rows that the other implementation decides differently; None where there is no threshold."""
    if predicted is None:
        return None
    try:
        cut = threshold_of(score, predicted)
    except Unmeasurable:
        return None
    return int(((score[both] >= cut) != (other[both] >= cut)).sum())


def rank_correlation(one: FloatArray, other: FloatArray) -> float | None:
    """Spearman's correlation, ties at their mean rank; None where one of the two is constant.

    Examples
    --------
    >>> rank_correlation(np.array([0.1, 0.2, 0.9]), np.array([1.0, 2.0, 3.0]))
    1.0
    """
    places = [ranks(values) for values in (one, other)]
    centred = [place - place.mean() for place in places]
    scale = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum() / scale) if scale else None


def _without(rows: int, n: int) -> tuple[str, ...]:
    if not rows:
        return ()
    return (f"{rows:,} of {n:,} rows have no finite score on either side and are not compared.",)


def _segments(features: Columns, bins: int) -> list[tuple[str, str, BoolArray]]:
    """Every segment of every feature: its feature, its name, its rows."""
    frame, _ = frames(features)
    found: list[tuple[str, str, BoolArray]] = []
    for j, name in enumerate(frame.names):
        column = frame.matrix[:, j]
        if j in frame.levels:
            found += [(name, level, column == code) for code, level in enumerate(frame.levels[j])]
            continue
        absent = np.isnan(column)
        found.append((name, MISSING, absent))
        endless = np.isinf(column)
        if endless.any():
            found.append((name, "(infinite)", endless))
        known = column[~absent & ~endless]
        if not len(known):
            continue
        distinct = np.unique(known)
        if len(distinct) <= bins:
            found += [(name, f"{v:g}", column == v) for v in distinct]
            continue
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)))
        for low, high in pairwise(edges.tolist()):
            last = high == edges[-1]
            inside = (column >= low) & ((column <= high) if last else (column < high))
            found.append((name, f"[{low:g}, {high:g}{']' if last else ')'}", inside))
    return found
