"""The largest distance of a group's figure from the reference's, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from apps.engine.columns import Columns
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import Pair, normal, shared_confidence
from apps.engine.measures.fairness import groups as grouping
from apps.engine.measures.fairness.cells import Mass, count_cells
from apps.engine.measures.fairness.figures import Figure, Figures
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition, partitions
from apps.engine.numeric import same_length
from apps.engine.values import Group, Measured, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How figures of groups are compared; `scale` divides every distance."""

    reference: str
    floors: Floors
    confidence: float
    adjust: str
    scale: float = 1.0


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
    alone = reference is None
    base = _overall(figures) if reference is None else by_group[reference]
    confidence = shared_confidence(plan.confidence, comparisons) if plan.adjust == "holm" else plan.confidence
    own = [by_group[k] for k in kept]
    errors = figures.from_all(part, kept, own) if alone else [one.variance + base.variance for one in own]
    gaps = {
        k: _gap(
            side,
            k,
            abs(by_group[k].value - base.value) / plan.scale,
            math.sqrt(error) / plan.scale,
            confidence,
        )
        for k, error in zip(kept, errors, strict=True)
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


def _gap(side: _Side, k: int, distance: float, error: float, confidence: float) -> _Gap:
    interval = None
    if not math.isnan(error):
        low, high = normal(distance, error, confidence)
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
