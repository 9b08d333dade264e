"""What cuts of a score can do: the curve of each group, and the best rules over all groups.

All groups are held in flat arrays, one after the other, so that thousands cost little more than a few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray, IntArray
from apps.engine.measures.fairness.cells import count_cells
from apps.engine.numeric import Ints
from apps.engine.values import finite

SAME = 1e-12
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Option:
    """One alternative: the lowest ratio, the accuracy, each group's selection rate, the common cut."""

    ratio: float
    accuracy: float
    rates: tuple[float, ...] = ()
    cut: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows of the groups compared.

    Parameters
    ----------
    group : int array (n,)
        In [0, groups).
    score : float array (n,)
        Turned so that higher is favoured.
    deserving : bool array (n,)
    count : int array (n,)
        How many equal rows each row stands for.
    groups : int
    """

    group: Places
    score: FloatArray
    deserving: BoolArray
    count: IntArray
    groups: int


@dataclass(frozen=True)
class Curves:
    """Each group's selection rates, ascending, with the accuracy and the cut of each: the upper hull only.

    Cuts drawn at random between two others reach the line between their points.

    Parameters
    ----------
    starts : int array (groups,)
        Where each group's points begin.
    size : int array (groups,)
        Rows of each group.
    """

    starts: Places
    size: Ints
    rate: FloatArray
    accuracy: FloatArray
    cut: FloatArray

    @cached_property
    def ends(self) -> Places:
        """The last point of each group."""
        return np.append(self.starts[1:], len(self.rate)) - 1

    @cached_property
    def share(self) -> FloatArray:
        """Each group's share of the rows."""
        return np.asarray(self.size / int(self.size.sum()), dtype=np.float64)

    @cached_property
    def best(self) -> FloatArray:
        """The selection rate of each group's highest accuracy, the lowest of several."""
        group = np.repeat(np.arange(len(self.starts)), self.ends + 1 - self.starts)
        top = self.accuracy == np.maximum.reduceat(self.accuracy, self.starts)[group]
        places = np.where(top, np.arange(len(self.rate)), len(self.rate))
        return self.rate[np.minimum.reduceat(places, self.starts)]

    def below(self, rate: FloatArray) -> Places:
        """The last point of each group at or below its rate."""
        low, high = self.starts.copy(), self.ends.copy()
        while (low < high).any():
            middle = (low + high + 1) >> 1
            fits = self.rate[middle] <= rate
            low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
        return low

    def at(self, rate: FloatArray) -> FloatArray:
        """Each group's accuracy at its rate, linear between the points."""
        place = self.below(rate)
        after = np.minimum(place + 1, self.ends)
        width = self.rate[after] - self.rate[place]
        rise = self.accuracy[after] - self.accuracy[place]
        with np.errstate(divide="ignore", invalid="ignore"):
            between = rise / width * (rate - self.rate[place]) + self.accuracy[place]
        return np.where((width > 0) & (rate > self.rate[place]), between, self.accuracy[place])


def curves_of(rows: Scored) -> Curves:
    """The upper hulls of all groups' accuracies over their selection rates."""
    order = np.argsort(-rows.score, kind="stable")
    order = order[np.argsort(rows.group[order].astype(np.min_scalar_type(rows.groups)), kind="stable")]
    group, score, count = rows.group[order], rows.score[order], rows.count[order]
    last = np.append((group[1:] != group[:-1]) | (score[1:] != score[:-1]), True)
    size = count_cells(rows.group, rows.groups, rows.count)
    worthy = count_cells(rows.group[rows.deserving], rows.groups, rows.count[rows.deserving])
    before, worthy_before = (np.concatenate(([0], np.cumsum(part)[:-1])) for part in (size, worthy))
    run = group[last]
    taken = np.cumsum(count)[last] - before[run]
    hits = np.cumsum(np.where(rows.deserving[order], count, 0))[last] - worthy_before[run]
    right = (size - worthy)[run] - taken + 2 * hits
    firsts = np.flatnonzero(np.append(True, run[1:] != run[:-1]))
    group, taken, right, cut = (
        np.insert(part, firsts, start)
        for part, start in (
            (run, np.arange(rows.groups)),
            (taken, 0),
            (right, size - worthy),
            (score[last], np.inf),
        )
    )
    hull = upper_hulls(group, taken, right)
    held = group[hull]
    starts = np.flatnonzero(np.append(True, held[1:] != held[:-1]))
    return Curves(starts, size, taken[hull] / size[held], right[hull] / size[held], cut[hull])


def upper_hulls(group: Places, x: Ints, y: Ints) -> Places:
    """The corners of each group's upper hull, by place; x ascends within a group.

    A point that lies on or below the line between its neighbours is no corner, whatever else is dropped with
    it; what is left when nothing can be dropped is the hull.

    Examples
    --------
    >>> upper_hulls(np.zeros(4, int), np.arange(4), np.array([0, 0, 4, 3])).tolist()
    [0, 2, 3]
    """
    kept = np.arange(len(x))
    while len(kept) > 2:
        a, b, c = kept[:-2], kept[1:-1], kept[2:]
        inner = (group[a] == group[b]) & (group[b] == group[c])
        above = (y[b] - y[a]) * (x[c] - x[b]) > (y[c] - y[b]) * (x[b] - x[a])
        stays = np.concatenate(([True], ~inner | above, [True]))
        if stays.all():
            break
        kept = kept[stays]
    return kept


class GroupCuts:
    """A cut for each group, mixed between two where that is better."""

    def __init__(self, curves: Curves) -> None:
        self.curves = curves
        self._rates = np.unique(curves.rate)

    def reaching(self, ratio: float) -> Option:
        """The most accurate rule whose lowest ratio is at least this.

        For a highest rate M each group takes its best rate within [ratio M, M]; the total is concave and
        piecewise linear in M, so its maximum lies where an end meets a corner of some curve.
        """
        corners = self._rates[self._rates > 0]
        if ratio > 0:
            corners = np.union1d(corners, corners[corners <= ratio] / ratio)
        low, high = 0, len(corners) - 1
        while low < high:
            middle = (low + high) // 2
            if self._accuracy(corners[middle + 1], ratio) > self._accuracy(corners[middle], ratio):
                low = middle + 1
            else:
                high = middle
        rates = self._taken(float(corners[low]), ratio)
        lowest, highest = float(rates.min()), float(rates.max())
        return Option(
            lowest / highest if highest else 0.0,
            self._accuracy(corners[low], ratio),
            tuple(rates.tolist()),
        )

    def _taken(self, highest: float, ratio: float) -> FloatArray:
        return np.minimum(np.maximum(self.curves.best, ratio * highest), highest)

    def _accuracy(self, highest: float, ratio: float) -> float:
        return math.fsum((self.curves.share * self.curves.at(self._taken(highest, ratio))).tolist())

    def within(self, accuracy: float) -> Option | None:
        """The rule of the highest ratio that is at least so accurate."""
        if self.reaching(0.0).accuracy < accuracy - SAME:
            return None
        equal = self.reaching(1.0)
        if equal.accuracy >= accuracy - SAME:
            return equal
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            if self.reaching(middle).accuracy >= accuracy - SAME:
                low = middle
            else:
                high = middle
        return self.reaching(low)

    def rules(self, option: Option) -> list[dict[str, float | None]]:
        """Where each group's cuts lie, and how often the lower one is taken."""
        curves, rates = self.curves, np.array(option.rates)
        place = curves.below(rates)
        return [
            self._rule(k, int(at), rate)
            for k, (at, rate) in enumerate(zip(place.tolist(), option.rates, strict=True))
        ]

    def _rule(self, group: int, k: int, rate: float) -> dict[str, float | None]:
        held, cut = self.curves.rate, self.curves.cut
        always = finite(float(cut[k]))
        if k == self.curves.ends[group] or rate - held[k] < SAME:
            return {"always_from": always, "sometimes_from": None, "probability": None}
        share = (rate - held[k]) / (held[k + 1] - held[k])
        return {"always_from": always, "sometimes_from": float(cut[k + 1]), "probability": float(share)}


class CommonCut:
    """One cut for everybody."""

    def __init__(self, rows: Scored) -> None:
        self._rows = rows
        self._size = count_cells(rows.group, rows.groups, rows.count)
        self._cuts, place = np.unique(rows.score, return_inverse=True)
        self._ratio = self._ratios(place)
        cuts, worthy = len(self._cuts), rows.deserving
        taken, hits = (
            _from_above(count_cells(at, cuts, count))
            for at, count in ((place, rows.count), (place[worthy], rows.count[worthy]))
        )
        n = int(self._size.sum())
        self._accuracy = (n - hits[0] - taken + 2 * hits) / n

    def _ratios(self, place: Places) -> FloatArray:
        """Lowest over highest selection rate at each cut, one group after the other."""
        order = np.lexsort((place, self._rows.group))
        ends = np.cumsum(count_cells(self._rows.group, self._rows.groups))
        low, high = np.full(len(self._cuts), np.inf), np.zeros(len(self._cuts))
        for k, rows in enumerate(np.split(order, ends[:-1])):
            left = int(self._size[k]) - np.concatenate(([0], np.cumsum(self._rows.count[rows])))
            steps = np.diff(place[rows], prepend=-1, append=len(self._cuts) - 1)
            rate = np.repeat(left / int(self._size[k]), steps)
            np.minimum(low, rate, out=low)
            np.maximum(high, rate, out=high)
        return low / high

    def reaching(self, ratio: float) -> Option | None:
        """The most accurate cut whose lowest ratio is at least this."""
        fit = np.flatnonzero(self._ratio >= ratio - SAME)
        return (
            self._option(fit[np.lexsort((-self._ratio[fit], -self._accuracy[fit]))[0]]) if len(fit) else None
        )

    def within(self, accuracy: float) -> Option | None:
        """The cut of the highest ratio that is at least so accurate."""
        fit = np.flatnonzero(self._accuracy >= accuracy - SAME)
        return (
            self._option(fit[np.lexsort((-self._accuracy[fit], -self._ratio[fit]))[0]]) if len(fit) else None
        )

    def _option(self, place: int) -> Option:
        cut = float(self._cuts[place])
        above = self._rows.score >= cut
        taken = count_cells(self._rows.group[above], self._rows.groups, self._rows.count[above])
        rates = tuple((taken / self._size).tolist())
        return Option(float(self._ratio[place]), float(self._accuracy[place]), rates, cut)

    def rules(self, option: Option) -> list[dict[str, float | None]]:
        """The cut, the same for each group."""
        return [
            {"always_from": option.cut, "sometimes_from": None, "probability": None} for _ in option.rates
        ]


def _from_above(counts: Ints) -> Ints:
    """How many at or above each place."""
    return np.asarray(np.cumsum(counts[::-1])[::-1])


Cuts = GroupCuts | CommonCut


def frontier(options: Cuts, step: float) -> Sequence[tuple[float, Option | None]]:
    """The highest accuracy that reaches at least each ratio."""
    wanted = [min(1.0, k * step) for k in range(math.ceil(1 / step - SAME) + 1)]
    return [(ratio, options.reaching(ratio)) for ratio in wanted]
