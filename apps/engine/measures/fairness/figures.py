"""A number of each group with its standard error, and the largest distance of one from the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import Pair, normal, shared_confidence
from apps.engine.measures import ranking
from apps.engine.measures.fairness import groups as grouping
from apps.engine.measures.fairness.cells import Mass, count_cells, count_joint, sum_cells
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition, partitions
from apps.engine.measures.runs import merged, runs_of, weighted_runs
from apps.engine.numeric import how_many, same_length
from apps.engine.resources import each
from apps.engine.values import Group, Measured, Status

_LARGE = 1 << 14


@dataclass(frozen=True, slots=True)
class Figure:
    """A group's number with its squared standard error (NaN: it has none), and what it counts."""

    value: float
    variance: float
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How figures of groups are compared; `scale` divides every distance."""

    reference: str
    floors: Floors
    confidence: float
    adjust: str
    scale: float = 1.0


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

    def _moments(self, codes: npt.NDArray[np.integer[Any]], groups: int) -> tuple[FloatArray, FloatArray]:
        """Means and their squared standard errors; linearised where there are weights."""
        count, weight, values = self.mass.count, self.mass.weight, self.values
        with np.errstate(divide="ignore", invalid="ignore"):
            if weight is None:
                n = count_cells(codes, groups, count)
                mean = sum_cells(codes, values, groups, count) / n
                squares = sum_cells(codes, (values - mean[codes]) ** 2, groups, count)
                return mean, squares / (n - 1) / n
            total = sum_cells(codes, weight, groups, count)
            mean = sum_cells(codes, weight * values, groups, count) / total
            moved = np.where(weight > 0, weight * (values - mean[codes]), 0.0)
            squares = sum_cells(codes, moved**2, groups, count)
            held = weight > 0
            k = count_cells(codes[held], groups, None if count is None else count[held])
            return mean, squares / total**2 * k / (k - 1)


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

    def _figure(self, part: Partition, k: int, rows: npt.NDArray[np.intp]) -> Figure:
        score, label, mass = self.values[rows], self.label[rows], self.mass.cut(rows)
        n, positives = mass.total(len(rows)), how_many(label, mass.count)
        few = f"{part.attribute} = {part.levels[k]} ({n:,} rows) has fewer than two rows in a class"
        if min(positives, n - positives) < 2:
            raise Unmeasurable(f"{few}.", status="insufficient")
        counts = {"positives": positives}
        if mass.weight is None:
            counted = mass.count is not None
            runs = runs_of(score, label, mass.count) if counted else merged(*_sorted(score, label))
            found = ranking.rank_runs(runs)
            return Figure(float(found.auc), float(found.variance or 0), counts)
        weighted = weighted_runs(score, label, mass.weight, mass.count)
        if min(weighted.rows) < 2:
            raise Unmeasurable(f"{few} that have weight.", status="insufficient")
        return Figure(*ranking.weighted_auc(weighted), counts)


def _sorted(score: FloatArray, label: BoolArray) -> tuple[FloatArray, FloatArray]:
    """The scores of each class, ascending."""
    return np.sort(score[~label]), np.sort(score[label])


def rows_by_group(part: Partition) -> list[npt.NDArray[np.intp]]:
    """The rows of each group, in the order of the rows."""
    codes = part.codes.astype(np.min_scalar_type(len(part.levels)))
    order = np.argsort(codes, kind="stable")
    return list(np.split(order, np.cumsum(count_cells(codes, len(part.levels)))[:-1]))


@dataclass(frozen=True, slots=True)
class _Side:
    """One attribute: its groups, their rows, and which are compared."""

    part: Partition
    sizes: list[int]
    kept: list[int]


@dataclass(frozen=True, slots=True)
class _Gap:
    """The distance of a group from the reference, its interval."""

    attribute: str
    group: str
    value: float
    interval: Pair | None


@dataclass(slots=True)
class _Found:
    """What is gathered over attributes."""

    groups: list[Group] = field(default_factory=list)
    gaps: list[_Gap] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[Unmeasurable] = field(default_factory=list)


def largest_gap(
    figures: Figures, protected: Columns, attributes: Attributes | None, plan: Plan, method: str
) -> Measured:
    """The largest distance of a group's figure from the reference's, over all attributes."""
    parts = partitions(protected, attributes)
    same_length(score=range(len(figures)), protected=parts[0].codes)
    sides = [_side(part, figures.mass, plan.floors) for part in parts]
    comparisons = sum(max(0, len(side.kept) - (plan.reference != "overall")) for side in sides)
    found = _Found()
    for side in sides:
        try:
            _compare(side, figures, plan, comparisons, found)
        except Unmeasurable as problem:
            found.problems.append(problem)
            held = set(side.kept)
            found.groups += [_uncompared(side, k, plan, kept=k in held) for k in range(len(side.sizes))]
    common: dict[str, Any] = {
        "n": sum(sides[0].sizes),
        "confidence": plan.confidence,
        "method": method,
        "groups": found.groups,
    }
    return _refused(found, common) if found.problems else _worst(found, comparisons, common)


def _side(part: Partition, mass: Mass, floors: Floors) -> _Side:
    sizes: list[int] = count_cells(part.codes, len(part.levels), mass.count).tolist()
    return _Side(part, sizes, grouping.eligible(sizes, floors))


def _refused(found: _Found, common: dict[str, Any]) -> Measured:
    status: Status = "undefined" if any(p.status == "undefined" for p in found.problems) else "insufficient"
    return Measured(value=None, status=status, notes=[str(p) for p in found.problems], **common)


def _worst(found: _Found, comparisons: int, common: dict[str, Any]) -> Measured:
    worst = max(found.gaps, key=lambda gap: gap.value)
    ends = [gap.interval for gap in found.gaps if gap.interval is not None]
    whole = len(ends) == len(found.gaps)
    alone = [f"{gap.attribute} = {gap.group}" for gap in found.gaps if gap.interval is None]
    notes = [] if whole else [f"No interval: a single row, there or in the reference, for {_listed(alone)}."]
    return Measured(
        value=worst.value,
        interval=(max(low for low, _ in ends), max(high for _, high in ends)) if whole else None,
        parameters={
            "reference_groups": found.references,
            "worst": {"attribute": worst.attribute, "group": worst.group},
            "comparisons": comparisons,
        },
        notes=[*found.notes, *notes],
        **common,
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20:,} more"


def _compare(side: _Side, figures: Figures, plan: Plan, comparisons: int, found: _Found) -> None:
    """Compare one attribute, adding to what is found."""
    part, sizes, kept = side.part, side.sizes, side.kept
    grouping.require_two(part, sizes, kept, plan.floors)
    by_group = dict(zip(kept, figures.of(part, kept), strict=True))
    reference = grouping.reference_of(part, sizes, kept, plan.reference, lambda k: by_group[k].value)
    base = _overall(figures) if reference is None else by_group[reference]
    confidence = shared_confidence(plan.confidence, comparisons) if plan.adjust == "holm" else plan.confidence
    gaps = {
        k: _gap(side, k, by_group[k], base, scale=plan.scale, confidence=confidence, alone=reference is None)
        for k in kept
        if k != reference
    }
    found.groups += [
        _row(side, k, by_group[k], gaps.get(k), plan)
        if k in by_group
        else _uncompared(side, k, plan, kept=False)
        for k in range(len(sizes))
    ]
    found.gaps += gaps.values()
    found.references[part.attribute] = "overall" if reference is None else part.levels[reference]
    found.notes += grouping.excluded_note(part, sizes, kept, plan.floors)


def _overall(figures: Figures) -> Figure:
    everybody = Partition("all", np.zeros(len(figures), dtype=np.uint8), ("all",))
    return figures.of(everybody, [0])[0]


def _gap(
    side: _Side, k: int, one: Figure, base: Figure, *, scale: float, confidence: float, alone: bool
) -> _Gap:
    distance = abs(one.value - base.value) / scale
    variance = one.variance + (0.0 if alone else base.variance)
    interval = None
    if not math.isnan(variance):
        low, high = normal(distance, math.sqrt(variance) / scale, confidence)
        interval = max(0.0, low), high
    return _Gap(side.part.attribute, side.part.levels[k], distance, interval)


def _row(side: _Side, k: int, one: Figure, gap: _Gap | None, plan: Plan) -> Group:
    known = not math.isnan(one.variance)
    return Group(
        attribute=side.part.attribute,
        group=side.part.levels[k],
        n=side.sizes[k],
        counts=one.counts,
        value=one.value,
        interval=normal(one.value, math.sqrt(one.variance), plan.confidence) if known else None,
        disparities={"difference": gap.value} if gap else {},
        note=None if gap else "reference",
    )


def _uncompared(side: _Side, k: int, plan: Plan, *, kept: bool) -> Group:
    return Group(
        attribute=side.part.attribute,
        group=side.part.levels[k],
        n=side.sizes[k],
        status="insufficient",
        note="not compared" if kept else f"under {grouping.wanted(plan.floors)}; not compared",
    )
