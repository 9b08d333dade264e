"""Shapley values of any scoring function by kernel SHAP: weighted least squares over coalitions.

The worth of a coalition is the mean score of the row with unknown features from the background. Where all
coalitions fit into the number asked for, all are used and the values are exact; otherwise the smallest and
largest sizes are used whole as far as they fit, and the rest is drawn in pairs of complements. All rows share
the coalitions, so that the least squares is one matrix, and hybrids are scored many at a time.

References
----------
Lundberg, Lee (2017), A unified approach to interpreting model predictions, NeurIPS 30, 4765-4774.
Covert, Lee (2021), Improving KernelSHAP: practical Shapley value estimation, AISTATS, PMLR 130, 3457-3465.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.explain.black_box import Box, Places, Score, as_box, too_wide
from apps.engine.explain.permutation import Sampled
from apps.engine.resources import current, each, one_blas_thread, using

SAMPLES = 2048


def weighted(
    function: Score | Box,
    rows: FloatArray,
    background: FloatArray,
    *,
    seed: int,
    samples: int = SAMPLES,
) -> Sampled:
    """Shapley values of `function` at `rows` against `background`, all its rows for every coalition.

    Parameters
    ----------
    function : callable or Box
        A matrix (k, F) to k numbers.
    rows, background : array (n, F), (m, F)
        The rows to explain and the rows that unknown features come from.
    seed : int
        Of the coalitions drawn, which all rows share.
    samples : int
        Coalitions scored for each row, besides the empty and the full one.

    Returns
    -------
    Sampled
        Errors are 0 where all coalitions were used, otherwise unknown (NaN).

    Examples
    --------
    >>> made = weighted(lambda m: m @ np.array([1.0, 2.0]), np.ones((1, 2)), np.zeros((4, 2)), seed=0)
    >>> made.values.round(12).tolist(), made.base
    ([[1.0, 2.0]], 0.0)
    """
    too_wide(rows.shape[1])
    with one_blas_thread():
        return _explained(as_box(function), rows, background, seed=seed, samples=samples)


def _explained(box: Box, rows: FloatArray, background: FloatArray, *, seed: int, samples: int) -> Sampled:
    start, output = box(background), box(rows)
    base = float(start.mean())
    if rows.shape[1] == 1:
        return Sampled((output - base)[:, None], np.zeros(rows.shape), base, output)
    masks, weights, exact = coalitions(rows.shape[1], samples, seed)
    worth = _worth(box, rows, background, masks) - base
    values = _solved(masks, weights, worth, output - base)
    errors = np.zeros(rows.shape) if exact else np.full(rows.shape, np.nan)
    return Sampled(values, errors, base, output)


def coalitions(features: int, samples: int, seed: int) -> tuple[BoolArray, FloatArray, bool]:
    """Coalitions as masks (k, F), their weights, and whether they are all there are.

    A coalition of s of F features has the weight ``(F - 1) / (C(F, s) s (F - s))``.

    Examples
    --------
    >>> masks, weights, exact = coalitions(3, 100, 0)
    >>> len(masks), round(float(weights.sum()), 9), exact
    (6, 2.0, True)
    """
    whole, left = _whole_sizes(features, samples)
    masks = [_all_of(features, size) for size in whole]
    weights = [np.full(len(m), _kernel(features, size)) for m, size in zip(masks, whole, strict=True)]
    rest = [size for size in range(1, features) if size not in whole]
    if rest:
        drawn, share = _drawn(features, rest, max(2, left), seed)
        masks.append(drawn)
        weights.append(share)
    return np.concatenate(masks), np.concatenate(weights), not rest


def _kernel(features: int, size: int) -> float:
    return (features - 1) / (math.comb(features, size) * size * (features - size))


def _whole_sizes(features: int, samples: int) -> tuple[list[int], int]:
    """The sizes used whole, from both ends inwards, and how many coalitions are left to draw."""
    whole: list[int] = []
    for size in range(1, features // 2 + 1):
        both = {size, features - size}
        count = sum(math.comb(features, s) for s in both)
        if count > samples:
            break
        whole += sorted(both)
        samples -= count
    return whole, samples


def _all_of(features: int, size: int) -> BoolArray:
    chosen = list(combinations(range(features), size))
    masks = np.zeros((len(chosen), features), dtype=bool)
    masks[np.arange(len(chosen))[:, None], np.array(chosen)] = True
    return masks


def _drawn(features: int, sizes: list[int], count: int, seed: int) -> tuple[BoolArray, FloatArray]:
    """Coalitions of these sizes in pairs of complements, each with the weight that its draws stand for."""
    source = np.random.Generator(np.random.Philox(seed))
    mass = np.array([_kernel(features, s) * math.comb(features, s) for s in sizes])
    drawn = source.choice(np.array(sizes), size=max(1, count // 2), p=mass / mass.sum())
    ranks = np.argsort(source.random((len(drawn), features)), axis=1, kind="stable").argsort(axis=1)
    half = ranks < drawn[:, None]
    masks, times = np.unique(np.concatenate([half, ~half]), axis=0, return_counts=True)
    weights: FloatArray = times / times.sum() * mass.sum()
    return masks, weights


def _worth(box: Box, rows: FloatArray, background: FloatArray, masks: BoolArray) -> FloatArray:
    """The mean score of each row under each coalition, shape (n, k): every row on its own, in even calls."""
    features = rows.shape[1]
    per = max(1, box.batch(features) // len(background))
    arrays = box.arrays
    source = box.taken(background.reshape(1, -1))
    parts = [masks[first : first + per] for first in range(0, len(masks), per)]
    places = [arrays.hand_in(_places(part, len(background))) for part in parts]

    def of_row(row: FloatArray) -> FloatArray:
        both = arrays.xp.concat([box.taken(row[None]), source], axis=1)
        found = [box.checked(box.hybrids(both, place, features)) for place in places]
        means = [arrays.xp.mean(arrays.xp.reshape(f, (-1, len(background))), axis=1) for f in found]
        return arrays.hand_out(arrays.xp.concat(means))

    with using(threads=current().workers if box.threads and arrays.is_cpu else 1):
        return np.stack(each(of_row, list(rows)))


def _places(masks: BoolArray, count: int) -> Places:
    """Where each feature of each hybrid comes from: the row, or one of `count` background rows after it.

    Examples
    --------
    >>> _places(np.array([[True, False]]), 2).tolist()  # x0 z1, x0 z3
    [0, 3, 0, 5]
    """
    own = np.arange(masks.shape[1])
    behind = own + len(own) * (1 + np.arange(count)[:, None])
    return np.where(masks[:, None], own, behind).ravel()


def _solved(masks: BoolArray, weights: FloatArray, worth: FloatArray, total: FloatArray) -> FloatArray:
    """Least squares under Σ φ = total: the last feature takes what the others leave."""
    known = masks.astype(np.float64)
    reduced = known[:, :-1] - known[:, -1:]
    root = np.sqrt(weights)[:, None]
    wanted = (worth - known[:, -1] * total[:, None]).T
    found = np.linalg.lstsq(root * reduced, root * wanted, rcond=None)[0].T
    return np.concatenate([found, (total - found.sum(axis=1))[:, None]], axis=1)
