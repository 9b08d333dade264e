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

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from apps.engine.columns import FloatArray
from apps.engine.explain.black_box import Box, Places, Score, as_box, too_wide
from apps.engine.resources import current, each, one_blas_thread, using

_KEPT, _SHARED = 1 << 23, 8


@dataclass(frozen=True, slots=True)
class Sampled:
    """Values (n, F), their standard errors (n, F), the base, and the function at each row."""

    values: FloatArray
    errors: FloatArray
    base: float
    output: FloatArray


def walked(
    function: Score | Box,
    rows: FloatArray,
    background: FloatArray,
    *,
    seed: int,
    repeats: int = 1,
) -> Sampled:
    """Estimate Shapley values of `function` at `rows` against `background`.

    Parameters
    ----------
    function : callable or Box
        A matrix (k, F) to k numbers.
    rows, background : array (n, F), (m, F)
        The rows to explain and the rows that unknown features come from.
    seed : int
        Of the walks, which all rows share.
    repeats : int
        Walks per background row.

    Returns
    -------
    Sampled
        Standard errors: with `repeats` of 2 or more from the spread among the walks of one background row;
        with one walk each from the spread among all walks, which counts the background's own spread in and
        so is an upper estimate.

    Raises
    ------
    Unmeasurable
        A score is not finite, or there are too many features to walk.

    Notes
    -----
    ``2 F - 2`` hybrids a walk. The order of all sums is fixed by rows and walks alone: threads and the size
    of a batch leave no trace beyond what the function itself makes of them.

    Examples
    --------
    >>> made = walked(lambda m: m @ np.array([1.0, 2.0]), np.ones((1, 2)), np.zeros((4, 2)), seed=0)
    >>> made.values.tolist(), made.base
    ([[1.0, 2.0]], 0.0)
    """
    too_wide(rows.shape[1])
    with one_blas_thread():
        walks = _Walks(as_box(function), background, seed=seed, repeats=repeats)
        return walks.explained(rows)


class _Walks:
    """All walks, which the rows share, and the hybrids that each step of them needs."""

    def __init__(self, box: Box, background: FloatArray, *, seed: int, repeats: int) -> None:
        self.box, self.repeats, self.back = box, repeats, len(background)
        self.features: int = background.shape[1]
        count = self.back * repeats
        order: FloatArray = np.random.Generator(np.random.Philox(seed)).random((count, self.features))
        self.ranks: Places = np.argsort(order, axis=1, kind="stable")
        self.start = box(background)
        self.per = max(1, box.batch(self.features) // max(1, self.steps))
        self.source = np.tile(background, (repeats, 1))

    @property
    def steps(self) -> int:
        """Hybrids of a walk: both ways, without its two ends."""
        return 2 * (self.features - 1)

    def explained(self, rows: FloatArray) -> Sampled:
        """Values and errors of these rows, block by block on all threads."""
        output = self.box(rows)
        together = max(1, self.box.batch(self.features) // max(1, self.steps * len(self.ranks)))
        if self.features > 1 and self.parts is None:  # places are made again for each block
            together = _SHARED
        blocks = [slice(i, min(len(rows), i + together)) for i in range(0, len(rows), together)]
        with using(threads=current().workers if self.box.threads and self.box.arrays.is_cpu else 1):
            made = each(lambda part: self._block(rows[part], output[part]), blocks)
        values, errors = (np.concatenate([pair[k] for pair in made]) for k in (0, 1))
        return Sampled(values, errors, float(self.start.mean()), output)

    @cached_property
    def parts(self) -> list[tuple[slice, Any]] | None:
        """The walks of each call with the places of their hybrids; None where they are too many to keep."""
        cells = len(self.ranks) * self.steps * self.features
        return list(self._parts()) if cells <= _KEPT or not self.box.arrays.is_cpu else None

    def _parts(self) -> Any:
        for first in range(0, len(self.ranks), self.per):
            part = slice(first, min(len(self.ranks), first + self.per))
            yield part, self.box.arrays.hand_in(_places(self.ranks[part]))

    def _block(self, rows: FloatArray, output: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values and errors of a few rows, from all their walks."""
        arrays, count = self.box.arrays, len(self.ranks)
        changes = self._changes(rows, output)
        with np.errstate(over="ignore", invalid="ignore"):  # errors beyond all numbers are left out
            values = arrays.xp.sum(changes, axis=1) / count
            variance = self._variance(changes, values)
        return arrays.hand_out(values), np.sqrt(arrays.hand_out(variance))

    def _variance(self, changes: Any, values: Any) -> Any:
        """The variance of the mean over walks, (rows, F)."""
        xp, count = self.box.arrays.xp, len(self.ranks)
        if self.repeats == 1:
            off = changes - values[:, None, :]
            return xp.sum(off * off, axis=1) / count / max(1, count - 1)
        by_row = xp.reshape(changes, (-1, self.repeats, self.back, self.features))
        off = by_row - xp.mean(by_row, axis=1, keepdims=True)
        within = xp.sum(off * off, axis=1) / (self.repeats - 1)
        return xp.sum(within, axis=1) / self.repeats / self.back**2

    def _changes(self, rows: FloatArray, output: FloatArray) -> Any:
        """Each walk's change per feature, forward and backward averaged: (rows, walks, F)."""
        arrays, shape = self.box.arrays, (len(rows), len(self.ranks), 2, 1)
        xp, start = arrays.xp, arrays.hand_in(np.tile(self.start, self.repeats))
        path = xp.concat(
            [
                xp.broadcast_to(start[None, :, None, None], shape),
                *([self._between(rows)] if self.features > 1 else []),
                xp.broadcast_to(arrays.hand_in(output)[:, None, None, None], shape),
            ],
            axis=3,
        )
        made = path[..., 1:] - path[..., :-1]
        forward, backward = (self._by_feature(made[:, :, way, :], way) for way in (0, 1))
        return (forward + backward) / 2

    def _by_feature(self, made: Any, way: int) -> Any:
        """Changes in the order walked to changes in the order of features."""
        arrays = self.box.arrays
        places = arrays.hand_in(_backward(self.ranks) if way else self.ranks)
        return arrays.xp.take_along_axis(made, arrays.xp.broadcast_to(places[None, ...], made.shape), axis=2)

    def _between(self, rows: FloatArray) -> Any:
        """The scores of the hybrids of every step between the ends: (rows, walks, 2, F - 1)."""
        n, arrays = len(rows), self.box.arrays
        xp, given = arrays.xp, self.box.taken(rows)
        found = []
        for part, places in self.parts or self._parts():
            source = self.box.taken(self.source[part].reshape(1, -1))
            both = xp.concat([given, xp.broadcast_to(source, (n, source.shape[1]))], axis=1)
            scores = self.box.checked(self.box.hybrids(both, places, self.features))
            found.append(xp.reshape(scores, (n, -1, 2, self.features - 1)))
        return xp.concat(found, axis=1)


def _backward(ranks: Places) -> Places:
    return np.asarray(ranks.shape[1] - 1 - ranks)


def _places(ranks: Places) -> Places:
    """Where each feature of each hybrid comes from: the row (0 … F-1), or its walk's background row after it.

    Hybrid k of a walk knows the features of the first k + 1 ranks; forward, then backward.

    Examples
    --------
    >>> _places(np.array([[0, 1]])).tolist()  # x0 z1, then z0 x1
    [0, 3, 2, 1]
    """
    walks, features = ranks.shape
    steps = np.arange(features - 1)[:, None]
    known = np.concatenate([ranks[:, None] <= steps, _backward(ranks)[:, None] <= steps], 1)
    own = np.arange(features)
    return np.where(known, own, own + features * (1 + np.arange(walks)[:, None, None])).ravel()
