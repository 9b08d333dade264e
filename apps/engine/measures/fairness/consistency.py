"""Whether similar people get the same: agreement with the nearest neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import normal, within
from apps.engine.measures.fairness.table_of import (
    Places,
    canonical_order,
    chosen_features,
    drawn_rows,
    keys_of,
    scaled,
)
from apps.engine.numeric import no_weights, same_length, stable_mean, stable_variance
from apps.engine.values import Measured

_CELLS = 4_000_000
_DIGITS = 9


def consistency(
    *,
    selected: BoolArray,
    features: Columns,
    protected: Columns | None = None,
    weight: FloatArray | None = None,
    seed: int = 0,
    neighbours: int = 5,
    over: Sequence[str] | None = None,
    rows: int = 2000,
    pool: int = 20_000,
    confidence: float = 0.95,
) -> Measured:
    """Agreement of decisions with those of the k nearest other people.

    ``1 - Σ |d_i - mean of d over the k nearest| / n``, in [0, 1], higher is better. The squared distance adds
    over features the squared difference in standard deviations, and 1 where a category differs or one
    value is missing. Neighbours at the same distance as the k-th share the places that are left, so that the
    order of rows plays no part. A person is no neighbour of their own.

    Parameters
    ----------
    selected : bool array (n,)
        True where the decision is favourable for the person.
    features, protected : Columns
        Distances are taken over the features without the protected attributes, or over those named.
    neighbours : int
        k.
    rows, pool : int
        At most so many people are judged, among at most so many; drawn from rows in canonical order.

    Raises
    ------
    Unmeasurable
        Undefined: rows differ in weight. Insufficient: k others are not there, or no features.

    References
    ----------
    Zemel, Wu, Swersky, Pitassi, Dwork (2013), ICML, PMLR 28(3), 325-333.

    Examples
    --------
    >>> chosen = np.array([True, True, True, False, False, True])
    >>> table = Columns.of(x=[1.0, 2.0, 3.0, 11.0, 12.0, 13.0])
    >>> round(consistency(selected=chosen, features=table, neighbours=2).value, 12)
    0.666666666667
    """
    no_weights(weight, "fairness.consistency")
    same_length(selected=selected, features=range(features.rows))
    names = chosen_features(features, over, tuple(protected or ()))
    if features.rows <= neighbours:
        raise Unmeasurable(
            f"There are {features.rows:,} rows: too few for {neighbours:,} neighbours each.",
            status="insufficient",
        )
    held = drawn_rows(canonical_order([*keys_of(features, names), selected]), pool, seed)
    judged = drawn_rows(np.arange(len(held)), rows, seed)
    parts = [scaled(features[name]) for name in names]
    numbers = np.stack([part[0] for part in parts], axis=1)[held]
    codes = np.stack([part[1] for part in parts], axis=1)[held]
    losses = _losses(numbers, codes, selected[held].astype(np.float64), judged, neighbours)
    value = 1 - stable_mean(losses)
    error = math.sqrt(stable_variance(losses) / len(losses))
    return Measured(
        value=value,
        n=len(selected),
        interval=within(normal(value, error, confidence), 0.0, 1.0),
        confidence=confidence,
        method="exact nearest neighbours, ties shared; normal on the people judged, neighbours as given",
        parameters={"rows_judged": len(judged), "rows_compared": len(held), "features_compared": names},
    )


def _losses(
    numbers: FloatArray, codes: Places, decision: FloatArray, judged: Places, neighbours: int
) -> FloatArray:
    """|d_i - mean over its neighbours| of the rows judged."""
    step = max(1, _CELLS // len(decision))
    chunks = [judged[start : start + step] for start in range(0, len(judged), step)]
    return np.concatenate([_chunk(numbers, codes, decision, rows, neighbours) for rows in chunks])


def _chunk(
    numbers: FloatArray, codes: Places, decision: FloatArray, rows: Places, neighbours: int
) -> FloatArray:
    distance = np.zeros((len(rows), len(decision)))
    for j in range(numbers.shape[1]):
        if numbers[:, j].any():
            distance += (numbers[rows, j, None] - numbers[None, :, j]) ** 2
        if codes[:, j].any():
            distance += codes[rows, j, None] != codes[None, :, j]
    np.round(distance, _DIGITS, out=distance)  # equal distances are equal, however their sums were rounded
    distance[np.arange(len(rows)), rows] = np.inf
    edge = np.partition(distance, neighbours - 1, axis=1)[:, neighbours - 1, None]
    near, tied = distance < edge, distance == edge
    places = neighbours - near.sum(axis=1)
    at_edge = (tied @ decision) / tied.sum(axis=1)
    mean = (near @ decision + places * at_edge) / neighbours
    found: FloatArray = np.abs(decision[rows] - mean)
    return found
