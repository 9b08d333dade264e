"""Whether the population moved since the reference: PSI."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from apps.engine.columns import FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.bins import counts_between, cut_points
from apps.engine.numeric import Ints, finite_scores, no_weights
from apps.engine.resample import generator
from apps.engine.values import Measured

DRAWS = 1000


def psi(
    *,
    score: FloatArray,
    reference_score: FloatArray,
    weight: FloatArray | None = None,
    seed: int = 0,
    bins: str = "quantile",
    count: int = 10,
    edges: Sequence[float] | None = None,
    floor: float | None = None,
    confidence: float = 0.95,
) -> Measured:
    """Population stability index of the score against the reference data set.

    ``PSI = Σ (a_k - e_k) ln(a_k / e_k)`` over bins cut from the reference, a the current shares, e the
    reference's; in [0, inf), lower is better. A bin is open below and closed above.

    Parameters
    ----------
    score, reference_score : float arrays
        Current and reference scores.
    seed : int
        Of the bootstrap.
    bins : {"quantile", "width", "unique", "edges"}
        The bin rule; edges come from the reference.
    count : int
        Bins wanted for ``quantile`` and ``width``; equal quantiles merge, and `bins_made` says how many
        stand.
    edges : list of float, optional
        Inner edges for ``edges``.
    floor : float, optional
        Least share of a bin, used in place of a smaller one. Without it an empty bin is refused.

    Raises
    ------
    Unmeasurable
        Undefined: an empty bin without a floor; a score that is not finite. Insufficient: no rows, or one
        bin.

    References
    ----------
    Siddiqi (2006), Credit Risk Scorecards, ch. 9.

    Examples
    --------
    >>> old = np.repeat([0.1, 0.2], [50, 50])
    >>> new = np.repeat([0.1, 0.2], [25, 75])
    >>> round(psi(score=new, reference_score=old, bins="unique").value, 6)
    0.274653
    """
    no_weights(weight, "stability.psi")
    current, reference = (
        np.sort(finite_scores(score)),
        np.sort(finite_scores(reference_score, name="reference score")),
    )
    inner = cut_points(reference, bins, count, edges)
    if not len(inner):
        raise Unmeasurable(
            "The reference scores make one bin only: nothing can shift.", status="insufficient"
        )
    expected, actual = counts_between(reference, inner), counts_between(current, inner)
    value, rows = index(expected, actual, floor=floor, names=_named(inner))
    return Measured(
        value=value,
        n=len(current),
        interval=_interval(expected, actual, value, floor, seed, confidence),
        confidence=confidence,
        method="PSI, natural logarithm; bootstrap of both samples' bin counts, percentiles moved by the bias",
        parameters={
            "bins_made": len(expected),
            "edges_made": inner.tolist(),
            "reference_rows": len(reference),
        },
        tables={"bins": rows},
    )


def index(
    expected: Ints, actual: Ints, *, floor: float | None, names: Sequence[str]
) -> tuple[float, list[dict[str, Any]]]:
    """PSI of two counts over the same bins, and a row a bin.

    Raises
    ------
    Unmeasurable
        Undefined: a bin is empty and there is no floor.

    Examples
    --------
    >>> index(np.array([50, 50]), np.array([50, 50]), floor=None, names=("a", "b"))[0]
    0.0
    """
    e, a = shares(expected, floor), shares(actual, floor)
    empty = [names[k] for k in range(len(e)) if (e[k] == 0) != (a[k] == 0)]
    if empty:
        raise Unmeasurable(
            f"{len(empty)} of {len(e)} bins are empty in one data set ({', '.join(empty[:5])}), so the PSI "
            f"is "
            "infinite; declare a floor, or fewer bins."
        )
    parts = [_part(float(e[k]), float(a[k])) for k in range(len(e))]
    rows = [
        {
            "bin": names[k],
            "reference_n": int(expected[k]),
            "n": int(actual[k]),
            "reference_share": float(e[k]),
            "share": float(a[k]),
            "part": parts[k],
        }
        for k in range(len(e))
    ]
    return math.fsum(parts), rows


def shares(counts: Ints, floor: float | None) -> FloatArray:
    """Shares of a total, each at least the floor."""
    if floor is not None and not 0 < floor < 1:
        raise BadInput(f"The floor must lie between 0 and 1, not {floor:g}.")
    found: FloatArray = counts / counts.sum()
    return found if floor is None else np.maximum(found, floor)


def _part(e: float, a: float) -> float:
    return (a - e) * math.log(a / e) if e and a else 0.0


def _named(inner: FloatArray) -> list[str]:
    ends = [f"{edge:.6g}" for edge in inner.tolist()]
    return [f"<= {ends[0]}", *(f"{a} to {b}" for a, b in pairwise(ends)), f"> {ends[-1]}"]


def _interval(
    expected: Ints, actual: Ints, value: float, floor: float | None, seed: int, confidence: float
) -> tuple[float, float] | None:
    """Bootstrap of both samples' bin counts; a draw with an empty bin takes half a row in its place."""
    source = generator(seed)
    least_e, least_a = (floor or 0.5 / expected.sum()), (floor or 0.5 / actual.sum())
    e = np.maximum(
        source.multinomial(int(expected.sum()), expected / expected.sum(), DRAWS) / expected.sum(), least_e
    )
    a = np.maximum(
        source.multinomial(int(actual.sum()), actual / actual.sum(), DRAWS) / actual.sum(), least_a
    )
    draws = ((a - e) * np.log(a / e)).sum(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method="linear") - (float(draws.mean()) - value)
    return max(0.0, float(low)), max(0.0, float(high))
