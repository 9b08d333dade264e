"""The one form that ranking checks work on: runs of equal scores with the rows of each class in them.

Rows in any order, rows repeated and rows counted all give the same runs, so every figure made of them is
the same too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.kernels import worth
from apps.engine.numeric import (
    Ints,
    counts_or_none,
    finite_scores,
    how_many,
    same_length,
    stable_sum,
    sums_by,
    total_of,
    two_classes,
    weights_or_none,
)
from apps.engine.resources import current, each

_ALL = slice(None)
_SMALL = 2048


@dataclass(frozen=True, slots=True)
class Runs:
    """Distinct scores ascending, and how many rows of each class have them.

    Parameters
    ----------
    values : float array (k,)
        The scores.
    negatives, positives : int arrays (k,)
        Rows of the two classes.
    """

    values: FloatArray
    negatives: Ints
    positives: Ints

    @property
    def rows(self) -> Ints:
        """Rows of both classes."""
        return self.negatives + self.positives

    @property
    def n(self) -> int:
        """All rows."""
        return int(self.negatives.sum()) + int(self.positives.sum())

    @property
    def totals(self) -> tuple[int, int]:
        """Negatives and positives in all."""
        return int(self.negatives.sum()), int(self.positives.sum())


@dataclass(frozen=True, slots=True)
class Weighted:
    """Runs with sums of weights and of their squares in place of rows; each array (k, 2): negative, positive.

    Parameters
    ----------
    values : float array (k,)
        Distinct scores ascending.
    mass, squares : float arrays (k, 2)
        Sums of weights and of squared weights.
    rows : tuple of int
        Negatives and positives that have weight.
    """

    values: FloatArray
    mass: FloatArray
    squares: FloatArray
    rows: tuple[int, int]

    @property
    def totals(self) -> tuple[float, float]:
        """The weight of the negatives and of the positives."""
        return stable_sum(self.mass[:, 0]), stable_sum(self.mass[:, 1])

    def effective(self, chosen: slice | BoolArray = _ALL) -> float:
        """Kish's effective size of the runs chosen, both classes together: ``(Σ w)² / Σ w²``."""
        mass, squares = self.mass[chosen].ravel(), self.squares[chosen].ravel()
        return stable_sum(mass) ** 2 / stable_sum(squares)

    def effective_of_classes(self) -> list[float]:
        """Kish's effective size of the negatives and of the positives."""
        return [total**2 / stable_sum(self.squares[:, k]) for k, total in enumerate(self.totals)]


def runs_of(score: FloatArray, label: BoolArray, count: Ints | None = None) -> Runs:
    """Runs of scores that are finite, without negative zero.

    Examples
    --------
    >>> runs = runs_of(np.array([0.3, 0.1, 0.3]), np.array([True, False, False]))
    >>> runs.values.tolist(), runs.negatives.tolist(), runs.positives.tolist()
    ([0.1, 0.3], [1, 1], [0, 1])
    """
    if count is not None:
        return _counted_runs(score, label, count)
    return merged(*sorted_classes(score, label))


def sorted_classes(score: FloatArray, label: BoolArray) -> list[FloatArray]:
    """The scores of the negatives and of the positives, each sorted."""
    if worth(len(score)):
        return each(sorted_fast, _by_class(score, label, fast=True))
    return [np.sort(side) for side in _by_class(score, label, fast=False)]


def sorted_fast(values: FloatArray) -> FloatArray:
    """Finite values sorted by the compiled radix sort, which is several times as fast as NumPy's here."""
    from apps.engine.kernels.drift import sort_bits

    if len(values) < _SMALL:
        return np.sort(values)
    held = np.empty(len(values), np.uint64)
    made = sort_bits(values.view(np.uint64), np.empty(len(values), np.uint64), held)
    return held.view(np.float64) if made == len(values) else np.sort(values)


def merged(negative: FloatArray, positive: FloatArray) -> Runs:
    """Runs of two sorted samples."""
    if worth(len(negative) + len(positive)):
        return _merged_fast(negative, positive)
    both = np.sort(np.concatenate((negative, positive)))
    values = both[_run_ends(both)]
    below = [np.searchsorted(side, values, side="right").astype(np.int64) for side in (negative, positive)]
    return Runs(values, *(np.diff(side, prepend=0) for side in below))


def _run_ends(ordered: FloatArray) -> BoolArray:
    return np.concatenate((ordered[1:] != ordered[:-1], [True])) if len(ordered) else np.empty(0, dtype=bool)


def _merged_fast(negative: FloatArray, positive: FloatArray) -> Runs:
    from apps.engine.kernels.ranking import merge_runs

    room = len(negative) + len(positive)
    values = np.empty(room)
    negatives, positives = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    made = merge_runs(negative, positive, values, negatives, positives)
    return Runs(values[:made], negatives[:made], positives[:made])


def _by_class(score: FloatArray, label: BoolArray, *, fast: bool) -> list[FloatArray]:
    if not fast:
        return [score[~label], score[label]]
    return parted(score, label, np.zeros(len(score), dtype=np.uint8), 1)[1]


def parted(
    score: FloatArray, label: BoolArray, codes: npt.NDArray[np.integer[Any]], groups: int
) -> tuple[FloatArray, list[FloatArray]]:
    """Scores by class, and in a class by group, through the compiled loop: all, and each cell's.

    The cells of the negatives of all groups stand first, then those of the positives.
    """
    from apps.engine.kernels.ranking import count_cells, part

    flags = np.asarray(label, dtype=bool).view(np.uint8)
    cuts = np.linspace(0, len(score), current().workers + 1).astype(int).tolist()
    spans = [slice(*cut) for cut in pairwise(cuts)]
    sizes = np.zeros((len(spans), 2 * groups), dtype=np.int64)
    each(lambda k: count_cells(codes[spans[k]], flags[spans[k]], groups, sizes[k]), range(len(spans)))
    ends = np.cumsum(sizes.sum(axis=0))
    starts = ends - sizes.sum(axis=0) + np.cumsum(sizes, axis=0) - sizes
    made = np.empty(len(score))
    each(
        lambda k: part(score[spans[k]], codes[spans[k]], flags[spans[k]], groups, starts[k], made),
        range(len(spans)),
    )
    cells = pairwise([0, *ends.tolist()])
    return made, [made[start:stop] for start, stop in cells]


def _counted_runs(score: FloatArray, label: BoolArray, count: Ints) -> Runs:
    order = np.argsort(score)
    ordered, of_positive, times = score[order], label[order], count[order]
    ends = _run_ends(ordered)
    starts = np.flatnonzero(np.concatenate(([True], ends[:-1])))
    positives = np.add.reduceat(np.where(of_positive, times, 0), starts)
    return Runs(ordered[ends], np.add.reduceat(times, starts) - positives, positives)


def weighted_runs(
    score: FloatArray, label: BoolArray, weight: FloatArray, count: Ints | None = None
) -> Weighted:
    """Runs of the rows that have weight, with their sums of weights.

    Examples
    --------
    >>> runs = weighted_runs(np.array([0.3, 0.1]), np.array([True, False]), np.array([2.0, 0.0]))
    >>> runs.values.tolist(), runs.mass.tolist()
    ([0.3], [[0.0, 2.0]])
    """
    kept = weight > 0
    w, times = weight[kept], None if count is None else count[kept]
    values, place = np.unique(score[kept], return_inverse=True)
    cells = place * 2 + label[kept]
    mass, squares = (sums_by(cells, of, 2 * len(values), times).reshape(-1, 2) for of in (w, w * w))
    negatives, positives = (how_many(kept & side, count) for side in (~label, label))
    return Weighted(values, mass, squares, (negatives, positives))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Rows that can be ranked: finite scores of two classes that are not all equal.

    Parameters
    ----------
    weight : float array or None
        None where weights are equal, and so change nothing.
    count : int array or None
        None where each row stands for itself.
    """

    score: FloatArray
    label: BoolArray
    weight: FloatArray | None
    count: Ints | None

    @classmethod
    def of(
        cls,
        score: FloatArray,
        label: BoolArray,
        weight: FloatArray | None = None,
        count: Ints | None = None,
    ) -> Scored:
        """Refuse what cannot be ranked."""
        same_length(score=score, label=label, weight=weight)
        times = counts_or_none(count, len(label))
        values = finite_scores(score, count=times)
        weights = weights_or_none(weight, times)
        kept = slice(None) if weights is None else weights > 0
        two_classes(label[kept], None if times is None else times[kept])
        seen = values[kept]
        if seen.min() == seen.max():
            rows = total_of(times, len(values))
            raise Unmeasurable(
                f"All {rows:,} scores are {seen[0]:g}: a constant score ranks nobody.", status="insufficient"
            )
        return cls(score=values, label=label, weight=weights, count=times)

    @property
    def n(self) -> int:
        """The rows that these stand for."""
        return total_of(self.count, len(self.score))

    def runs(self) -> Runs | Weighted:
        """Their runs of equal scores, with weights where they differ."""
        if self.weight is None:
            return runs_of(self.score, self.label, self.count)
        return self.weighted_runs()

    def weighted_runs(self) -> Weighted:
        """Their runs with weights, of 1 where there are none."""
        weight = np.ones(len(self.score)) if self.weight is None else self.weight
        return weighted_runs(self.score, self.label, weight, self.count)
