"""Whether the population moved since the reference: PSI."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.engine.columns import FloatArray, IntArray
from apps.engine.errors import Unmeasurable
from apps.engine.measures.drift import scores
from apps.engine.measures.drift_bins import Cells, Cut, Rule, cells, counted, index
from apps.engine.numeric import finite_scores, weights_or_none
from apps.engine.resample import generator
from apps.engine.values import Measured

DRAWS = 1000


def psi(
    *,
    score: FloatArray,
    reference_score: FloatArray,
    weight: FloatArray | None = None,
    reference_weight: FloatArray | None = None,
    count: IntArray | None = None,
    reference_count: IntArray | None = None,
    seed: int = 0,
    bins: Rule = "quantile",
    bins_wanted: int = 10,
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
    weight, reference_weight : float arrays, optional
        Weights of the rows; shares and quantile edges are then those of the weight.
    count, reference_count : int arrays, optional
        How many equal rows each row stands for.
    seed : int
        Of the bootstrap.
    bins : {"quantile", "width", "unique", "edges"} or list of float
        The bin rule, its edges coming from the reference; or the inner edges themselves.
    bins_wanted : int
        Bins wanted for ``quantile`` and ``width``; equal quantiles merge, and `bins_made` says how many
        stand.
    edges : list of float, optional
        Inner edges for ``edges``.
    floor : float, optional
        Least share of a bin, used in place of a smaller one. Without it an empty bin has no number.

    Raises
    ------
    Unmeasurable
        Undefined: an empty bin without a floor; a score that is not finite; a rule that makes more than
        10,000 bins. Insufficient: no rows, or one bin.

    References
    ----------
    Siddiqi (2006), Credit Risk Scorecards, ch. 9. Kish (1965), Survey Sampling, ch. 8.

    Examples
    --------
    >>> old = np.repeat([0.1, 0.2], [50, 50])
    >>> new = np.repeat([0.1, 0.2], [25, 75])
    >>> round(psi(score=new, reference_score=old, bins="unique").value, 6)
    0.274653
    """
    current = finite_scores(score)
    reference = finite_scores(reference_score, name="reference score")
    new, old = weights_or_none(weight), weights_or_none(reference_weight)
    weighted = new is not None or old is not None
    now = scores("score", current, new, count, weighted=weighted)
    then = scores("score", reference, old, reference_count, weighted=weighted)
    held = cells(now, then, Cut(bins, bins_wanted, edges))
    if not len(held.edges):
        raise Unmeasurable(
            "The reference scores make one bin only: nothing can shift.", status="insufficient"
        )
    value, rows = index(held, floor)
    shared = "shares of the weight; Kish's effective sizes" if weighted else "both samples' bin counts"
    return Measured(
        value=value,
        n=counted(now).rows,
        interval=_interval(held, value, floor, seed, confidence),
        confidence=confidence,
        method=f"PSI, natural logarithm; bootstrap of {shared}, moved by twice the bias",
        parameters={
            "bins_made": len(rows),
            "edges_made": held.edges.tolist(),
            "reference_rows": counted(then).rows,
        },
        tables={"bins": rows},
    )


def _interval(
    held: Cells, value: float, floor: float | None, seed: int, confidence: float
) -> tuple[float, float]:
    """Bootstrap of both samples' bin counts, moved by twice the bias; an empty bin takes half a row.

    Chance can only raise the index: it is too large in the samples, and again by as much in a draw from them.
    """
    source = generator(seed)
    sizes = held.sizes or (int(held.expected.sum()), int(held.actual.sum()))
    shares = held.shares(None)
    parts = []
    for size, share in zip(sizes, shares, strict=True):
        rows = max(1, round(size))
        drawn = source.multinomial(rows, share, DRAWS) / rows
        parts.append(np.maximum(drawn, floor or 0.5 / rows))
    e, a = parts
    draws = ((a - e) * np.log(a / e)).sum(axis=1)
    tail = (1 - confidence) / 2
    bias = float(draws.mean()) - value
    low, high = np.quantile(draws, [tail, 1 - tail], method="linear") - 2 * bias
    return max(0.0, min(value, float(low))), max(value, float(high))
