"""Shapley values of one leaf for every pattern of met conditions, exactly.

For a leaf of value v on D distinct features, o_j = 1 where the row meets every condition on feature j:

path-dependent   phi_j(o) = v (o_j - r_j) Int_0^1 prod_{i != j} (t o_i + (1 - t) r_i) dt
interventional   phi_j(o) = v Int_0^1 sum_z P(z) d(o_j, z_j) prod_{i != j} k_t(o_i, z_i) dt

with r_j the product of cover ratios, P the frequencies of the background's patterns, k_t(1,1) = 1,
k_t(1,0) = t, k_t(0,1) = 1 - t, k_t(0,0) = 0 and d(1,0) = 1, d(0,1) = -1, else 0. Both integrands are
polynomials of degree D - 1 in t, so ceil(D / 2) Gauss-Legendre points are exact.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from apps.engine.columns import FloatArray, IntArray


@lru_cache(maxsize=64)
def points(features: int) -> tuple[tuple[float, float], ...]:
    """Gauss-Legendre points and weights on [0, 1], exact for a leaf of that many features."""
    x, w = np.polynomial.legendre.leggauss(max(1, (features + 1) // 2))
    return tuple((float(a), float(b)) for a, b in zip((x + 1) / 2, w / 2, strict=True))


@lru_cache(maxsize=64)
def patterns(features: int) -> FloatArray:
    """Every pattern of that many bits as zeros and ones: (2**features, features)."""
    return np.asarray((np.arange(1 << features)[:, None] >> np.arange(features)) & 1, dtype=np.float64)


def path_values(met: FloatArray, value: FloatArray, ratio: FloatArray) -> FloatArray:
    """Path-dependent values for patterns `met` (P, D) of leaves `value` (L,), `ratio` (L, D): (L, P, D).

    Examples
    --------
    >>> path_values(patterns(1), np.array([2.0]), np.array([[0.25]])).ravel().tolist()
    [-0.5, 1.5]
    """
    features = met.shape[-1]
    total = np.zeros((len(value), len(met), features))
    for t, weight in points(features):
        factor = t * met[None] + (1.0 - t) * ratio[:, None, :]
        total += weight * _others(factor)
    return np.asarray(total * (met[None] - ratio[:, None, :]) * value[:, None, None])


def _others(factor: FloatArray) -> FloatArray:
    """The product over the last axis without each element itself."""
    before = np.ones_like(factor)
    after = np.ones_like(factor)
    for j in range(1, factor.shape[-1]):
        before[..., j] = before[..., j - 1] * factor[..., j - 1]
        after[..., -j - 1] = after[..., -j] * factor[..., -j]
    return before * after


def background_values(value: FloatArray, frequency: FloatArray) -> FloatArray:
    """Interventional values of leaves `value` (L,) under pattern frequencies (L, 2**D): (L, 2**D, D).

    Examples
    --------
    >>> background_values(np.array([2.0]), np.array([[0.75, 0.25]])).ravel().tolist()
    [-0.5, 1.5]
    """
    leaves, size = frequency.shape
    features = size.bit_length() - 1
    total = np.zeros((leaves, size, features))
    for t, weight in points(features):
        met = frequency
        for j in range(features):
            change = _map(met, j, (0.0, -1.0), (1.0, 0.0))
            for i in range(j + 1, features):
                change = _map(change, i, (0.0, 1.0 - t), (t, 1.0))
            total[:, :, j] += weight * change
            met = _map(met, j, (0.0, 1.0 - t), (t, 1.0))
    return np.asarray(total * value[:, None, None])


def _map(table: FloatArray, bit: int, zero: tuple[float, float], one: tuple[float, float]) -> FloatArray:
    """Apply a 2x2 map along one bit of the pattern axis."""
    leaves, size = table.shape
    split = table.reshape(leaves, size >> (bit + 1), 2, 1 << bit)
    absent, present = split[:, :, 0], split[:, :, 1]
    answer = np.empty_like(split)
    answer[:, :, 0] = zero[0] * absent + zero[1] * present
    answer[:, :, 1] = one[0] * absent + one[1] * present
    return answer.reshape(leaves, size)


def pair_values(row: IntArray, background: IntArray, weight: FloatArray, features: int) -> FloatArray:
    """Interventional values of a leaf of value 1 for row patterns against weighted background patterns.

    Closed form for leaves too wide for a table: with a features met only by the row and b only by the
    background row, and no feature met by neither, each of the a gets (a-1)! b! / (a+b)! and each of
    the b loses a! (b-1)! / (a+b)!. Shapes (U,), (M,), (M,) -> (U, D).
    """
    bits = 1 << np.arange(features, dtype=np.int64)
    mine = (row[:, None] & bits) != 0
    theirs = (background[:, None] & bits) != 0
    both = ~((~mine)[:, None, :] & (~theirs)[None]).any(2)
    only = mine[:, None, :] & ~theirs[None]
    lost = ~mine[:, None, :] & theirs[None]
    a, b = only.sum(2), lost.sum(2)
    gain = np.where(both & (a > 0), _share(a, b), 0.0) * weight
    loss = np.where(both & (b > 0), _share(b, a), 0.0) * weight
    return np.asarray((only * gain[:, :, None] - lost * loss[:, :, None]).sum(1))


def _share(mine: IntArray, theirs: IntArray) -> FloatArray:
    """(mine - 1)! theirs! / (mine + theirs)! for mine >= 1, from a table of logarithms."""
    most = int((mine + theirs).max(initial=1))
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])
    return np.asarray(np.exp(logs[np.maximum(mine - 1, 0)] + logs[theirs] - logs[mine + theirs]))
