"""Shapley values of a linear model in closed form: phi_j = w_j (x_j - mean of the background's x_j)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from apps.engine.columns import FloatArray
from apps.engine.explain.refuse import Unreadable

_TOLERANCE = 1e-9


def weights(margin: Callable[[FloatArray], FloatArray], sample: FloatArray) -> tuple[FloatArray, float]:
    """The weights and the constant of a margin that is linear in the features.

    Found by moving one feature at a time by its spread, then held against the sample: a margin that is
    not linear there is `Unreadable`.

    Examples
    --------
    >>> w, b = weights(lambda m: 3 * m[:, 0] - m[:, 1] + 2, np.array([[0.0, 1.0], [2.0, 5.0]]))
    >>> w.tolist(), b
    ([3.0, -1.0], 2.0)
    """
    if not np.isfinite(sample).all():
        raise Unreadable("it is linear but rows have missing values")
    centre, spread = sample.mean(0), sample.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    moved = centre + np.diag(spread)
    at = margin(np.vstack([centre, moved]))
    weight = (at[1:] - at[0]) / spread
    constant = float(at[0] - (weight * centre).sum())
    expected, found = (weight * sample).sum(1) + constant, margin(sample)
    if np.abs(expected - found).max() > _TOLERANCE * max(1.0, float(np.abs(found).max())):
        raise Unreadable("its margin is not linear in its features")
    return weight, constant


def values(weight: FloatArray, rows: FloatArray, background: FloatArray) -> FloatArray:
    """Shapley values (n, F).

    Examples
    --------
    >>> values(np.array([2.0, 0.0]), np.array([[3.0, 9.0]]), np.array([[1.0, 1.0]])).tolist()
    [[4.0, 0.0]]
    """
    return np.asarray(weight * (rows - background.mean(0)))
