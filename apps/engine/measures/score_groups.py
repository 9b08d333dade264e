"""How a score does in each group, in one pass: AUC with DeLong's interval, KS, Brier, ECE and PSI.

Rows are put beside those of their group and class, sorted there, and walked over once. Everything that the
walk adds up is a whole number, so the compiled loops and their twins give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray
from apps.engine.intervals import Pair
from apps.engine.kernels import worth
from apps.engine.measures.ranking import Ranking, Walk, auc_interval, ranking_of, walk, walk_sides
from apps.engine.measures.runs import parted, runs_of, sorted_fast
from apps.engine.numeric import (
    LOW_BITS,
    UNIT_BITS,
    Ints,
    counts_or_none,
    exact_units,
    finite_scores,
    rounded,
    same_length,
    total_of,
)
from apps.engine.resources import each

_ROOM = 2048
_MOST_ROWS = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScore:
    """The figures of one group; None where they are not defined.

    Parameters
    ----------
    n, positives : int
        Rows, and those of the positive class.
    ranking : Ranking or None
        Exact AUC and DeLong's variance; None with one class.
    ks : Fraction or None
        Largest gap of the two classes' cumulative curves; None with one class.
    brier, ece, mean_score : float or None
        None where a score is outside 0 to 1.
    psi : float or None
        Against the reference; None without one, or where a bin is empty.
    """

    n: int
    positives: int
    ranking: Ranking | None
    ks: Fraction | None
    mean_score: float | None
    brier: float | None
    ece: float | None
    psi: float | None

    def auc(self) -> float | None:
        """The area under the ROC curve."""
        return None if self.ranking is None else float(self.ranking.auc)

    def auc_interval(self, confidence: float = 0.95) -> Pair | None:
        """DeLong's interval, as `performance.auc` has it."""
        return None if self.ranking is None else auc_interval(self.ranking, confidence)[0]


@dataclass(frozen=True, slots=True)
class Reference:
    """Inner edges of the bins of the PSI, ascending, and the reference's share of each bin."""

    edges: FloatArray
    shares: FloatArray

    def index(self, counts: Ints) -> float | None:
        """The PSI of counts in the bins; None where one is empty."""
        if not counts.all() or not self.shares.all():
            return None
        actual = (counts / counts.sum()).tolist()
        pairs = zip(actual, self.shares.tolist(), strict=True)
        return math.fsum((a - e) * math.log(a / e) for a, e in pairs)


@dataclass(frozen=True, slots=True)
class _Cell:
    """What the rows of one group and class add up to, in whole numbers (of 2**-1074 for sums of scores)."""

    n: int
    losses: int
    bins: Ints
    scores: list[int]
    reference: Ints

    def __add__(self, other: _Cell) -> _Cell:
        sums = [a + b for a, b in zip(self.scores, other.scores, strict=True)]
        return _Cell(
            self.n + other.n,
            self.losses + other.losses,
            self.bins + other.bins,
            sums,
            self.reference + other.reference,
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is added up for every cell."""

    edges: FloatArray
    reference: Reference | None
    probabilities: bool

    def reference_edges(self) -> FloatArray:
        return np.empty(0) if self.reference is None else self.reference.edges


def score_groups(
    score: FloatArray,
    label: BoolArray,
    codes: npt.NDArray[np.integer[Any]],
    groups: int,
    *,
    count: Ints | None = None,
    reference_edges: Sequence[float] | FloatArray | None = None,
    reference_shares: Sequence[float] | FloatArray | None = None,
    bins: int = 10,
) -> tuple[list[GroupScore], GroupScore]:
    """The figures of every group, and of all rows together.

    Parameters
    ----------
    score : float array (n,)
        Finite scores; Brier score and ECE need probabilities.
    label : bool array (n,)
        True where the outcome is the positive class.
    codes : int array (n,)
        The group of each row, from 0 to ``groups - 1``.
    groups : int
        How many groups there are; some may have no rows.
    count : int array (n,), optional
        How many identical rows each row stands for.
    reference_edges, reference_shares : floats, optional
        Inner edges of the PSI's bins and the reference's shares; equal shares by default, as quantiles make.
    bins : int
        Bins of equal width on [0, 1] for the ECE (l1).

    Returns
    -------
    list of GroupScore, GroupScore
        By code, and over all rows.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows. Undefined: a score that is missing or infinite.

    Examples
    --------
    >>> score, label = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    >>> by_group, overall = score_groups(score, label, np.array([0, 1, 0, 1]), 2)
    >>> by_group[1].auc(), overall.auc(), round(overall.brier, 6)
    (1.0, 0.75, 0.158125)
    """
    same_length(score=score, label=label, codes=codes)
    times = counts_or_none(count, len(score))
    values = finite_scores(score, count=times)
    plan = _Plan(
        np.arange(1, bins) / bins,
        _reference(reference_edges, reference_shares),
        bool(values.min() >= 0 and values.max() <= 1),
    )
    if times is None and worth(len(values)) and len(values) <= _MOST_ROWS:
        parts, whole = _fast(values, label, codes, groups, plan)
    else:
        parts, whole = _slow(values, label, codes, groups, plan, times)
    negatives, positives = (
        reduce(_Cell.__add__, side) for side in zip(*(pair for pair, _ in parts), strict=True)
    )
    found = [_figures(*pair, walked, plan) for pair, walked in parts]
    return found, _figures(negatives, positives, whole, plan)


def _reference(
    edges: Sequence[float] | FloatArray | None, shares: Sequence[float] | FloatArray | None
) -> Reference | None:
    if edges is None:
        return None
    inner = np.asarray(edges, dtype=np.float64)
    bins = len(inner) + 1
    return Reference(
        inner, np.full(bins, 1 / bins) if shares is None else np.asarray(shares, dtype=np.float64)
    )


_Part = tuple[tuple[_Cell, _Cell], Walk | None]


def _fast(
    values: FloatArray, label: BoolArray, codes: npt.NDArray[np.integer[Any]], groups: int, plan: _Plan
) -> tuple[list[_Part], Walk | None]:
    """Compiled loops on threads: part the rows, sort each cell, walk over each group and over all rows."""
    made, cells = parted(values, label, codes, groups)
    cut = sum(len(cell) for cell in cells[:groups])
    sides = each(sorted_fast, (made[:cut], made[cut:]))

    def group(k: int) -> _Part:
        negative, positive = sorted_fast(cells[k]), sorted_fast(cells[groups + k])
        cells_made = _cell(negative, None, 0, plan, fast=True), _cell(positive, None, 1, plan, fast=True)
        return cells_made, walk_sides(negative, positive)

    def work(k: int) -> _Part | Walk | None:
        return group(k) if k < groups else walk_sides(*sides)

    whole, *parts = each(work, [groups, *range(groups)])
    return cast(list[_Part], parts), cast(Walk | None, whole)


def _slow(
    values: FloatArray,
    label: BoolArray,
    codes: npt.NDArray[np.integer[Any]],
    groups: int,
    plan: _Plan,
    count: Ints | None,
) -> tuple[list[_Part], Walk | None]:
    """The twin: the same whole numbers from runs of equal scores."""
    order = np.argsort(codes, kind="stable")
    parts = []
    for rows in [order, *np.split(order, np.searchsorted(codes[order], np.arange(1, groups)))]:
        runs = runs_of(values[rows], label[rows], None if count is None else count[rows])
        held = (
            _cell(runs.values, runs.negatives, 0, plan, fast=False),
            _cell(runs.values, runs.positives, 1, plan, fast=False),
        )
        parts.append((held, walk(runs) if all(runs.totals) else None))
    return parts[1:], parts[0][1]


def _cell(ordered: FloatArray, count: Ints | None, outcome: int, plan: _Plan, *, fast: bool) -> _Cell:
    """Add up the sorted scores of one class of one group."""
    losses, scores = 0, [0] * (len(plan.edges) + 1)
    ends = np.append(np.searchsorted(ordered, plan.edges, side="right"), len(ordered))
    if plan.probabilities:
        losses = _units_of_stretches((ordered - outcome) ** 2, np.array([len(ordered)]), count, fast=fast)[0]
        scores = _units_of_stretches(ordered, ends, count, fast=fast)
    return _Cell(
        n=total_of(count, len(ordered)),
        losses=losses,
        bins=_rows_of_stretches(ends, count),
        scores=scores,
        reference=_rows_of_stretches(
            np.append(np.searchsorted(ordered, plan.reference_edges(), side="right"), len(ordered)), count
        ),
    )


def _rows_of_stretches(ends: npt.NDArray[np.intp], count: Ints | None) -> Ints:
    below = ends if count is None else np.concatenate(([0], np.cumsum(count)))[ends]
    return np.diff(below, prepend=0).astype(np.int64)


def _units_of_stretches(
    values: FloatArray, ends: npt.NDArray[np.intp], count: Ints | None, *, fast: bool
) -> list[int]:
    """The exact sum of each stretch of values that rise or fall throughout."""
    if fast:
        return _compiled_stretches(values, ends)
    cuts = [0, *ends.tolist()]
    return [
        exact_units(values[start:stop], None if count is None else count[start:stop])
        for start, stop in pairwise(cuts)
    ]


def _compiled_stretches(values: FloatArray, ends: npt.NDArray[np.intp]) -> list[int]:
    from apps.engine.kernels.sums import add_segments

    keys, low, high = (np.empty(len(ends) + _ROOM, dtype=np.int64) for _ in range(3))
    made = add_segments(values.view(np.int64), ends, keys, low, high)
    found = [0] * len(ends)
    for key, part in zip(
        keys[:made].tolist(), zip(low[:made].tolist(), high[:made].tolist(), strict=True), strict=True
    ):
        segment, exponent = divmod(key, 2048)
        found[segment] += ((part[1] << LOW_BITS) + part[0]) << (exponent - 1)
    return found


def _figures(negative: _Cell, positive: _Cell, walked: Walk | None, plan: _Plan) -> GroupScore:
    n, p = negative.n, positive.n
    both = negative + positive
    known = plan.probabilities and both.n > 0
    gaps = zip(both.scores, positive.bins.tolist(), strict=True)
    return GroupScore(
        n=both.n,
        positives=p,
        ranking=None if walked is None else ranking_of(walked, n, p),
        ks=None if walked is None else Fraction(walked.gap, n * p),
        mean_score=rounded(sum(both.scores)) / both.n if known else None,
        brier=rounded(both.losses) / both.n if known else None,
        ece=rounded(sum(abs(total - (hits << UNIT_BITS)) for total, hits in gaps)) / both.n
        if known
        else None,
        psi=None if plan.reference is None else plan.reference.index(both.reference),
    )
