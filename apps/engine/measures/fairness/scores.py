"""How scores differ between groups: standardised means, calibration, ranking."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import Pair, normal, shared_confidence
from apps.engine.measures import ranking
from apps.engine.measures.fairness import groups as grouping
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition, partitions
from apps.engine.numeric import (
    finite_scores,
    no_weights,
    probabilities,
    same_length,
    stable_mean,
    stable_variance,
)
from apps.engine.values import Group, Measured, Status


@dataclass(frozen=True, slots=True)
class Figure:
    """A group's number with its squared standard error, and what it counts."""

    value: float
    variance: float
    n: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Gap:
    """The distance of a group from the reference, its interval."""

    attribute: str
    group: str
    value: float
    interval: Pair


Rows = Callable[[np.ndarray[Any, Any]], Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How figures of groups are compared; `scale` divides every distance."""

    reference: str
    floors: Floors
    confidence: float
    adjust: str
    scale: float = 1.0


def standardized_mean_difference(
    *,
    score: FloatArray,
    protected: Columns,
    weight: FloatArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    adjust: str = "none",
) -> Measured:
    """The largest distance between mean scores of groups, in standard deviations of all scores.

    ``|mean_g - mean_r| / sd``, sd over all rows with divisor n - 1; in [0, inf), lower is better.

    Parameters
    ----------
    reference : str
        ``highest`` (mean), ``largest``, ``overall`` or a group's name.

    Raises
    ------
    Unmeasurable
        Undefined: a score that is not finite, or all scores equal.

    Examples
    --------
    >>> found = standardized_mean_difference(
    ...     score=np.array([0.0, 2.0, 4.0, 6.0]),
    ...     protected=Columns.of(sex=["F", "F", "M", "M"]),
    ...     min_group_size=1,
    ... )
    >>> round(found.value, 6)
    1.549193
    """
    no_weights(weight, "fairness.standardized_mean_difference")
    values = finite_scores(score)
    spread = math.sqrt(stable_variance(values))
    if spread == 0:
        raise Unmeasurable(f"All {len(values):,} scores are equal: their standard deviation is 0.")
    plan = Plan(
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        adjust=adjust,
        scale=spread,
    )

    def figure(rows: np.ndarray[Any, Any]) -> Figure:
        part = values[rows]
        return Figure(stable_mean(part), stable_variance(part) / len(part), len(part), {})

    return _largest_gap(values, protected, attributes, figure, plan, "means; normal (Welch), sd of all rows")


def calibration_gap(
    *,
    score: FloatArray,
    label: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "overall",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    adjust: str = "none",
) -> Measured:
    """The largest distance between groups' calibration in the large.

    A group's figure is mean score minus outcome rate; the value is its largest distance from the
    reference's, in [0, 2], lower is better. A model that is wrong by the same amount for everybody has
    no gap here; `calibration.in_the_large` shows it.

    Raises
    ------
    Unmeasurable
        Undefined: a score that is no probability.

    Examples
    --------
    >>> found = calibration_gap(
    ...     score=np.array([0.5, 0.5, 0.5, 0.5]),
    ...     label=np.array([True, False, True, True]),
    ...     protected=Columns.of(sex=["F", "F", "M", "M"]),
    ...     reference="F",
    ...     min_group_size=1,
    ... )
    >>> found.value
    0.5
    """
    no_weights(weight, "fairness.calibration_gap")
    same_length(score=score, label=label)
    values = probabilities(score)

    def figure(rows: np.ndarray[Any, Any]) -> Figure:
        part = values[rows] - label[rows]
        counts = {"positives": int(np.count_nonzero(label[rows]))}
        return Figure(stable_mean(part), stable_variance(part) / len(part), len(part), counts)

    plan = Plan(
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        adjust=adjust,
    )
    return _largest_gap(
        values, protected, attributes, figure, plan, "mean score - outcome rate; normal (Welch)"
    )


def auc_gap(
    *,
    score: FloatArray,
    label: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    adjust: str = "none",
) -> Measured:
    """The largest distance between groups' areas under the ROC curve.

    ``|AUC_g - AUC_r|``, in [0, 1], lower is better. Groups share no rows, so the variance of a distance is
    the
    sum of DeLong's variances; against ``overall`` it is the variance of the group alone, which is too wide.

    Raises
    ------
    Unmeasurable
        Insufficient: a compared group has one class, or one row in a class.

    Examples
    --------
    >>> found = auc_gap(
    ...     score=np.array([1.0, 2, 3, 4, 1, 2, 3, 4]),
    ...     label=np.array([False, False, True, True, False, True, False, True]),
    ...     protected=Columns.of(sex=["F"] * 4 + ["M"] * 4),
    ...     min_group_size=1,
    ... )
    >>> found.value
    0.25
    """
    no_weights(weight, "fairness.auc_gap")
    same_length(score=score, label=label)
    values = finite_scores(score)

    def figure(rows: np.ndarray[Any, Any]) -> Figure:
        positives = int(np.count_nonzero(label[rows]))
        if min(positives, len(rows) - positives) < 2:
            raise Unmeasurable("fewer than two rows in a class", status="insufficient")
        found = ranking.rank(values[rows], label[rows])
        return Figure(float(found.auc), float(found.variance or 0), len(rows), {"positives": positives})

    plan = Plan(
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        adjust=adjust,
    )
    return _largest_gap(values, protected, attributes, figure, plan, "Mann-Whitney; DeLong, disjoint groups")


def _largest_gap(
    values: FloatArray,
    protected: Columns,
    attributes: Attributes | None,
    figure: Rows,
    plan: Plan,
    method: str,
) -> Measured:
    parts = partitions(protected, attributes)
    same_length(score=values, protected=parts[0].codes)
    rows_of = [_rows_by_group(part) for part in parts]
    comparisons = sum(
        max(0, len(grouping.eligible([len(r) for r in rows], plan.floors)) - (plan.reference != "overall"))
        for rows in rows_of
    )
    groups: list[Group] = []
    gaps: list[Gap] = []
    named: dict[str, str] = {}
    notes: list[str] = []
    problems: list[Unmeasurable] = []
    for part, rows in zip(parts, rows_of, strict=True):
        try:
            found = _attribute(part, rows, figure, plan, comparisons)
        except Unmeasurable as problem:
            problems.append(problem)
            groups += [_uncompared(part, k, len(r), plan) for k, r in enumerate(rows)]
            continue
        groups += found[0]
        gaps += found[1]
        named[part.attribute] = found[2]
        notes += grouping.excluded_note(part, [len(r) for r in rows], _kept(rows, plan), plan.floors)
    common: dict[str, Any] = {
        "n": len(values),
        "confidence": plan.confidence,
        "method": method,
        "groups": groups,
    }
    if problems:
        status: Status = "undefined" if any(p.status == "undefined" for p in problems) else "insufficient"
        return Measured(value=None, status=status, notes=[str(p) for p in problems], **common)
    worst = max(gaps, key=lambda gap: gap.value)
    return Measured(
        value=worst.value,
        interval=(max(g.interval[0] for g in gaps), max(g.interval[1] for g in gaps)),
        parameters={
            "reference_groups": named,
            "worst": {"attribute": worst.attribute, "group": worst.group},
            "comparisons": comparisons,
        },
        notes=notes,
        **common,
    )


def _rows_by_group(part: Partition) -> list[np.ndarray[Any, Any]]:
    order = np.argsort(part.codes, kind="stable")
    cuts = np.searchsorted(part.codes[order], np.arange(1, len(part.levels)))
    return list(np.split(order, cuts))


def _kept(rows: Sequence[np.ndarray[Any, Any]], plan: Plan) -> list[int]:
    return grouping.eligible([len(r) for r in rows], plan.floors)


def _attribute(
    part: Partition, rows: Sequence[np.ndarray[Any, Any]], figure: Rows, plan: Plan, comparisons: int
) -> tuple[list[Group], list[Gap], str]:
    sizes, kept = [len(r) for r in rows], _kept(rows, plan)
    grouping.require_two(part, sizes, kept, plan.floors)
    figures = {k: _figure(part, k, rows[k], figure) for k in kept}
    found = grouping.reference_of(part, sizes, kept, plan.reference, lambda k: figures[k].value)
    base = figure(np.arange(len(part.codes))) if found is None else figures[found]
    confidence = shared_confidence(plan.confidence, comparisons) if plan.adjust == "holm" else plan.confidence
    gaps = [
        _gap(part, k, figures[k], base, plan, confidence, alone=found is None) for k in kept if k != found
    ]
    by_group = {gap.group: gap for gap in gaps}
    shown = [
        _row(part, k, figures[k], by_group.get(part.levels[k]), plan)
        if k in figures
        else _uncompared(part, k, len(rows[k]), plan)
        for k in range(len(rows))
    ]
    return shown, gaps, "overall" if found is None else part.levels[found]


def _figure(part: Partition, k: int, rows: np.ndarray[Any, Any], figure: Rows) -> Figure:
    try:
        return figure(rows)
    except Unmeasurable as problem:
        raise Unmeasurable(
            f"{part.attribute} = {part.levels[k]} ({len(rows):,} rows) has {problem}.", status=problem.status
        ) from problem


def _gap(
    part: Partition, k: int, one: Figure, base: Figure, plan: Plan, confidence: float, *, alone: bool
) -> Gap:
    distance = abs(one.value - base.value) / plan.scale
    error = math.sqrt(one.variance + (0.0 if alone else base.variance)) / plan.scale
    low, high = normal(distance, error, confidence)
    return Gap(part.attribute, part.levels[k], distance, (max(0.0, low), high))


def _row(part: Partition, k: int, one: Figure, gap: Gap | None, plan: Plan) -> Group:
    return Group(
        attribute=part.attribute,
        group=part.levels[k],
        n=one.n,
        counts=one.counts,
        value=one.value,
        interval=normal(one.value, math.sqrt(one.variance), plan.confidence),
        disparities={"difference": gap.value} if gap else {},
        note=None if gap else "reference",
    )


def _uncompared(part: Partition, k: int, n: int, plan: Plan) -> Group:
    return Group(
        attribute=part.attribute,
        group=part.levels[k],
        n=n,
        status="insufficient",
        note=f"under {grouping.wanted(plan.floors)}; not compared"
        if not plan.floors.keeps(n, len(part.codes))
        else "not compared",
    )
