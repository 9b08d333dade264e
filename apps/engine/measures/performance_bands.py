"""Score bands: lift and gain, rank order, concentration."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import moved_twice
from apps.engine.measures.bins import Band, band_of, bands_of, inner_edges, place
from apps.engine.measures.runs import Runs, Scored, Weighted
from apps.engine.numeric import (
    Ints,
    counted,
    counts_or_none,
    finite_scores,
    same_length,
    stable_sum,
    total_of,
    weighted_counts,
    weights_or_none,
)
from apps.engine.resample import drawn
from apps.engine.values import Measured


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
        interval=moved_twice(draws.values, float(exact), confidence),
        confidence=confidence,
        method="sum of squared shares; bootstrap of the counts, percentiles moved by twice the bias",
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
        interval=moved_twice(draws.values, value, confidence),
        confidence=confidence,
        method="sum of squared shares of weight; bootstrap at Kish's effective size, moved by twice the bias",
        parameters={"bands_made": len(mass), "weighted": True, "effective_size": effective},
        tables={"bands": [{"band": k + 1, "weight": float(w)} for k, w in enumerate(mass)]},
    )


def _hhi(drawn_masses: npt.NDArray[np.generic]) -> FloatArray:
    masses = drawn_masses.astype(np.float64)
    found: FloatArray = ((masses / masses.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return found
