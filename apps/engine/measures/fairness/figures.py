"""A number of each group with its standard error: means of a value, areas under the ROC curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, FloatArray, IntArray
from apps.engine.errors import Unmeasurable
from apps.engine.measures import ranking
from apps.engine.measures.fairness.cells import Codes, Mass, count_cells, count_joint, sum_cells
from apps.engine.measures.fairness.groups import Partition
from apps.engine.measures.ranking import Ranking
from apps.engine.measures.runs import merged, weighted_runs
from apps.engine.numeric import Ints, how_many
from apps.engine.resources import each

_LARGE, _THREADS_FROM = 1 << 14, 1 << 16


@dataclass(frozen=True, slots=True)
class Figure:
    """A group's number with its squared standard error (NaN: it has none), and what it counts."""

    value: float
    variance: float
    counts: dict[str, int]


class Figures(Protocol):
    """Rows of which each group has a figure."""

    @property
    def mass(self) -> Mass:
        """What each row stands for."""
        ...

    def __len__(self) -> int:
        """How many rows are held."""
        ...

    def of(self, part: Partition, kept: Sequence[int]) -> list[Figure]:
        """The figures of some groups; Unmeasurable says what one lacks."""
        ...

    def from_all(self, part: Partition, kept: Sequence[int], own: Sequence[Figure]) -> list[float]:
        """The squared standard error of each group's distance from the figure of all rows."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """Means of a value, by exact sums; `label` is counted beside them."""

    values: FloatArray
    mass: Mass
    label: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.values)

    def of(self, part: Partition, kept: Sequence[int]) -> list[Figure]:
        """All groups at once."""
        groups, count = len(part.levels), self.mass.count
        means, variances = self._moments(part.codes, groups)
        counts: list[dict[str, int]] = [{} for _ in range(groups)]
        if self.label is not None:
            positives = count_joint([part.codes], [groups], [self.label], count)[:, 1]
            counts = [{"positives": k} for k in positives.tolist()]
        for k in kept:
            if math.isnan(means[k]):
                raise Unmeasurable(f"{part.attribute} = {part.levels[k]}: its rows have no weight.")
        return [Figure(float(means[k]), float(variances[k]), counts[k]) for k in kept]

    def _moments(self, codes: Codes, groups: int) -> tuple[FloatArray, FloatArray]:
        """Means and their squared standard errors."""
        total, k = self._sizes(codes, groups)
        weighted = self.values if self.mass.weight is None else self.mass.weight * self.values
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            mean = sum_cells(codes, weighted, groups, self.mass.count) / total
            moved = self._moved(np.nan_to_num(mean)[codes])
            squares = sum_cells(codes, moved**2, groups, self.mass.count)
            return mean, _error(squares, total, k)

    def _sizes(self, codes: Codes, groups: int) -> tuple[FloatArray, Ints]:
        """The weight of each group, and its rows that have any."""
        count, weight = self.mass.count, self.mass.weight
        if weight is None:
            n = count_cells(codes, groups, count)
            return n.astype(np.float64), n
        held = weight > 0
        k = count_cells(codes[held], groups, None if count is None else count[held])
        return sum_cells(codes, weight, groups, count), k

    def _moved(self, mean: FloatArray | float) -> FloatArray:
        """Weighted distances of the values from a mean."""
        moved = self.values - mean
        return moved if self.mass.weight is None else self.mass.weight * moved

    def from_all(self, part: Partition, kept: Sequence[int], own: Sequence[Figure]) -> list[float]:
        """A group less all rows is the group less the others, times the others' share of the weight.

        The others' error comes from moments about the mean of all rows, moved to their own mean.
        """
        codes, groups, count = part.codes, len(part.levels), self.mass.count
        total, k = self._sizes(codes, groups)
        weight = np.ones(len(self)) if self.mass.weight is None else self.mass.weight
        moved = self._moved(_overall_mean(self))
        first, second, cross, square = (
            math.fsum(part.tolist()) - part
            for part in (
                sum_cells(codes, one, groups, count) for one in (moved, moved**2, weight * moved, weight**2)
            )
        )
        whole = math.fsum(total.tolist())
        others, rows = whole - total, int(k.sum()) - k
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = first / others
            squares = np.maximum(second - 2 * shift * cross + shift**2 * square, 0.0)
            error, share = _error(squares, others, rows), others / whole
            return [
                float(share[k] ** 2 * (one.variance + error[k])) for k, one in zip(kept, own, strict=True)
            ]


def _error(squares: FloatArray, total: FloatArray, rows: Ints) -> FloatArray:
    """``k / (k - 1) Σ w² d² / (Σ w)²``: the squared standard error of a weighted mean; NaN for one row."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = squares / (rows - 1) * (rows / total) / total
    return np.where(rows > 1, found, np.nan)


def _overall_mean(means: Means) -> float:
    everybody = Partition("all", np.zeros(len(means), dtype=np.uint8), ("all",))
    return means.of(everybody, [0])[0].value


@dataclass(frozen=True, slots=True)
class Areas:
    """Areas under the ROC curve."""

    values: FloatArray
    label: BoolArray
    mass: Mass

    def __len__(self) -> int:
        return len(self.values)

    def of(self, part: Partition, kept: Sequence[int]) -> list[Figure]:
        """One group after the other, on threads where they are large."""
        rows = rows_by_group(part)
        if len(self) >= _LARGE * len(kept):
            return each(lambda k: self._figure(part, k, rows[k]), kept)
        return [self._figure(part, k, rows[k]) for k in kept]

    def from_all(self, part: Partition, kept: Sequence[int], own: Sequence[Figure]) -> list[float]:
        """That of the group alone, which is too wide: its rows are among all."""
        return [one.variance for one in own]

    def _figure(self, part: Partition, k: int, rows: npt.NDArray[np.intp]) -> Figure:
        score, label, mass = self.values[rows], self.label[rows], self.mass.cut(rows)
        n, positives = mass.total(len(rows)), how_many(label, mass.count)
        few = f"{part.attribute} = {part.levels[k]} ({n:,} rows) has fewer than two rows in a class"
        if min(positives, n - positives) < 2:
            raise Unmeasurable(f"{few}.", status="insufficient")
        counts = {"positives": positives}
        if mass.weight is None:
            found = ranked(score, label, mass.count)
            return Figure(float(found.auc), float(found.variance or 0), counts)
        weighted = weighted_runs(score, label, mass.weight, mass.count)
        if min(weighted.rows) < 2:
            raise Unmeasurable(f"{few} that have weight.", status="insufficient")
        return Figure(*ranking.weighted_auc(weighted), counts)


def ranked(score: FloatArray, label: BoolArray, count: IntArray | None = None) -> Ranking:
    """AUC and its variance; few rows are sorted here, for threads would take longer than the sorting.

    Examples
    --------
    >>> ranked(np.array([1.0, 2.0, 3.0]), np.array([False, True, True])).auc
    Fraction(1, 1)
    """
    if count is not None or len(score) >= _THREADS_FROM:
        return ranking.rank(score, label, count)
    return ranking.rank_runs(merged(np.sort(score[~label]), np.sort(score[label])))


def rows_by_group(part: Partition) -> list[npt.NDArray[np.intp]]:
    """The rows of each group, in the order of the rows."""
    codes = part.codes.astype(np.min_scalar_type(len(part.levels)))
    order = np.argsort(codes, kind="stable")
    return list(np.split(order, np.cumsum(count_cells(codes, len(part.levels)))[:-1]))
