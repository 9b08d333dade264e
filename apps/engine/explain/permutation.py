"""Shapley values of any scoring function by Latin-paired permutation walks.

For each background row z its own random orders of the features, each walked forward and backward from
z to the row x: phi_j is the mean of the changes at j's step. Unbiased for the interventional Shapley
values of that background, exactly additive, and cheaper than repeating few orders over all background
rows because every walk has its own order. Many hybrids of x and z are scored in one call.

References
----------
Castro, Gomez, Tejada (2009), Polynomial calculation of the Shapley value based on sampling.
Mitchell et al. (2022), Sampling permutations for Shapley value estimation, JMLR 23.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray

BATCH = 8192


@dataclass(frozen=True, slots=True)
class Sampled:
    """Values (n, F), their standard errors (n, F), the base, and the function at each row."""

    values: FloatArray
    errors: FloatArray
    base: float
    output: FloatArray


def walked(
    function: Callable[[FloatArray], FloatArray],
    rows: FloatArray,
    background: FloatArray,
    *,
    seed: int,
    repeats: int = 1,
) -> Sampled:
    """Estimate Shapley values of `function` at `rows` against `background`.

    Parameters
    ----------
    function : callable
        A matrix (k, F) to k numbers.
    rows, background : array (n, F), (m, F)
        The rows to explain and the rows that unknown features come from.
    seed : int
        Of the walks, which all rows share.
    repeats : int
        Walks per background row.

    Examples
    --------
    >>> made = walked(lambda m: m @ np.array([1.0, 2.0]), np.ones((1, 2)), np.zeros((4, 2)), seed=0)
    >>> made.values.tolist(), made.base
    ([[1.0, 2.0]], 0.0)
    """
    n, features = rows.shape
    order = np.random.Generator(np.random.Philox(seed)).random((len(background) * repeats, features))
    ranks = np.argsort(order, axis=1, kind="stable")
    pairs = np.tile(np.arange(len(background)), repeats)
    start, output = function(background), function(rows)
    total, square = np.zeros((n, features)), np.zeros((n, features))
    per_row = max(1, 2 * (features - 1) * len(ranks))
    step = max(1, BATCH // per_row)
    for first in range(0, n, step):
        part = slice(first, min(n, first + step))
        sums, squares = _changes(function, rows[part], background[pairs], ranks, start[pairs], output[part])
        total[part], square[part] = sums, squares
    count = len(ranks)
    mean = total / count
    spread = np.maximum(square / count - mean**2, 0.0) / max(1, count - 1)
    return Sampled(mean, np.sqrt(spread), float(start.mean()), output)


def _changes(
    function: Callable[[FloatArray], FloatArray],
    rows: FloatArray,
    sources: FloatArray,
    ranks: npt.NDArray[np.intp],
    start: FloatArray,
    output: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """The sum over walks of each feature's change and of its square, for a few rows."""
    features = rows.shape[1]
    sums, squares = np.zeros(rows.shape), np.zeros(rows.shape)
    per = max(1, BATCH // max(1, 2 * (features - 1) * len(rows)))
    for first in range(0, len(ranks), per):
        part = slice(first, first + per)
        change = _walk(function, rows, sources[part], ranks[part], start[part], output)
        sums += change.sum(1)
        squares += (change**2).sum(1)
    return sums, squares


def _walk(
    function: Callable[[FloatArray], FloatArray],
    rows: FloatArray,
    sources: FloatArray,
    ranks: npt.NDArray[np.intp],
    start: FloatArray,
    output: FloatArray,
) -> FloatArray:
    """Each walk's change per feature, forward and backward averaged: (rows, walks, F)."""
    n, features = rows.shape
    walks = len(ranks)
    steps = np.arange(features - 1)[:, None]
    backward = features - 1 - ranks
    mask = np.concatenate([ranks[:, None] <= steps, backward[:, None] <= steps], 1)
    hybrids = np.where(mask[None], rows[:, None, None, :], sources[None, :, None, :])
    inner = function(hybrids.reshape(-1, features)) if features > 1 else np.zeros(0)
    values = inner.reshape(n, walks, 2, features - 1)
    first = np.broadcast_to(start[None, :, None], (n, walks, 1))
    last = np.broadcast_to(output[:, None, None], (n, walks, 1))
    total = np.zeros((n, walks, features))
    for way, place in enumerate((ranks, backward)):
        change = np.diff(np.concatenate([first, values[:, :, way], last], 2), axis=2)
        total += np.take_along_axis(change, np.broadcast_to(place[None], (n, walks, features)), 2)
    return total / 2
