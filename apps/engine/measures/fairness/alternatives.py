"""Less discriminatory cuts of the same score: what ratio could be had, at what cost in accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, Columns, FloatArray, IntArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.fairness import groups as grouping
from apps.engine.measures.fairness.cells import Mass
from apps.engine.measures.fairness.cuts import (
    SAME,
    CommonCut,
    Cuts,
    GroupCuts,
    Option,
    Scored,
    curves_of,
    frontier,
)
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition, partitions
from apps.engine.measures.fairness.tables import Table, table_of
from apps.engine.numeric import Ints, finite_scores, no_weights, same_length
from apps.engine.values import Group, Measured


def less_discriminatory_alternative(
    *,
    score: FloatArray,
    label: BoolArray,
    deserving: BoolArray,
    selected: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
    attributes: Attributes | None = None,
    cuts: str = "group",
    tolerance: float = 0.01,
    step: float = 0.05,
    min_group_size: int = 30,
    min_group_share: float = 0.0,
) -> Measured:
    """How much higher the lowest selection-rate ratio could be with other cuts of the same score.

    The value is the ratio of the best alternative that loses at most `tolerance` of accuracy against the
    decisions as they are, less their ratio; never below 0, and 0 where no alternative is better; lower is
    better. Accuracy is the share of people whose decision is the one that their outcome deserves. The
    largest over attributes.

    Parameters
    ----------
    score, label, deserving, selected : arrays (n,)
        Scores, positive outcomes, favourable outcomes and favourable decisions.
    cuts : {"group", "common"}
        ``group``: a cut for each group, drawn at random between two where that is better (the optimum
        over all such rules, by the concave hull of each group's curve). ``common``: one cut for everybody.
    tolerance : float
        Accuracy that an alternative may cost.
    step : float
        Of the ratios in the table ``frontier``: the highest accuracy that reaches at least each ratio.

    Raises
    ------
    Unmeasurable
        Insufficient: fewer than two groups of enough rows. Undefined: rows differ in weight, nobody is
        selected now, or all scores are equal.
    BadInput
        The favourable outcome is neither the positive one nor its opposite.

    References
    ----------
    Hardt, Price, Srebro (2016), NeurIPS 29, 3315-3323. Agarwal et al. (2018), ICML, PMLR 80, 60-69.

    Examples
    --------
    >>> worthy = np.array([True, True, False, False, True, True, False, False])
    >>> points = np.array([9.0, 8.0, 7.0, 1.0, 6.0, 5.0, 4.0, 1.0])
    >>> found = less_discriminatory_alternative(
    ...     score=points, label=worthy, deserving=worthy, selected=points > 6.5, min_group_size=1,
    ...     protected=Columns.of(sex=["F"] * 4 + ["M"] * 4),
    ... )
    >>> found.value, found.parameters["now"]
    (1.0, {'ratio': 0.0, 'accuracy': 0.625})
    """
    no_weights(weight, "fairness.less_discriminatory_alternative")
    parts = partitions(protected, attributes)
    mass = Mass.of(count)
    same_length(score=score, label=label, selected=selected, protected=parts[0].codes, count=mass.rows)
    turn = _direction(label, deserving)
    values = finite_scores(score, count=mass.count)
    if values.min() == values.max():
        raise Unmeasurable(f"All {mass.total(len(values)):,} scores are equal: there is no cut between them.")
    held = _Rows(values * turn, deserving, selected, mass, turn)
    plan = _Plan(cuts, tolerance, step, Floors(min_group_size, min_group_share))
    found = [_attribute(part, held, plan) for part in parts]
    worst = max(found, key=lambda one: one.value or 0.0)
    return replace(
        worst,
        groups=[group for one in found for group in one.groups],
        tables={name: [row for one in found for row in one.tables[name]] for name in worst.tables},
        notes=[*(note for one in found for note in one.notes), *_one_class(label, mass)],
    )


def _one_class(label: BoolArray, mass: Mass) -> list[str]:
    if bool(label.any()) != bool(label.all()):
        return []
    which = "positive" if label.all() else "negative"
    return [f"All {mass.total(len(label)):,} labels are {which}: there is one class."]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Scores turned so that higher is favoured, what people deserve and what they got."""

    score: FloatArray
    deserving: BoolArray
    selected: BoolArray
    mass: Mass
    turn: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """The arguments of the check."""

    cuts: str
    tolerance: float
    step: float
    floors: Floors


def _direction(label: BoolArray, deserving: BoolArray) -> int:
    if bool((label == deserving).all()):
        return 1
    if bool((label != deserving).all()):
        return -1
    raise BadInput(
        "The favourable outcome is neither the positive one nor its opposite, so a cut of the score cannot "
        "select for it."
    )


def _attribute(part: Partition, rows: _Rows, plan: _Plan) -> Measured:
    table = table_of(part, rows.deserving, rows.selected, mass=rows.mass)
    kept = grouping.eligible(table.sizes, plan.floors)
    grouping.require_two(part, table.sizes, kept, plan.floors)
    now = _as_it_is(table.rows[kept])
    if now.ratio != now.ratio:
        raise Unmeasurable(f"Nobody in the groups of {part.attribute} is selected now: there is no ratio.")
    scored = _scored(part, rows, kept)
    options = GroupCuts(curves_of(scored)) if plan.cuts == "group" else CommonCut(scored)
    best = options.within(now.accuracy - plan.tolerance)
    if best is None or best.ratio <= now.ratio + SAME:
        best = None
    named = [part.levels[k] for k in kept]
    return Measured(
        value=0.0 if best is None else best.ratio - now.ratio,
        n=sum(table.sizes),
        method="best rule over all cuts of this score, chosen and judged on the same rows; no interval",
        parameters={
            "attribute": part.attribute,
            "now": {"ratio": now.ratio, "accuracy": now.accuracy},
            "alternative": None if best is None else {"ratio": best.ratio, "accuracy": best.accuracy},
        },
        groups=_shown(table, kept, now, best),
        tables={
            "frontier": _frontier_rows(part.attribute, options, plan.step),
            "cuts": [] if best is None else _cut_rows(part.attribute, named, options, best, rows.turn),
        },
        notes=grouping.excluded_note(part, table.sizes, kept, plan.floors),
    )


def _as_it_is(cells: Ints) -> Option:
    """Ratio and accuracy of the decisions, from cells (deserving, selected) of the groups compared."""
    sizes, chosen = cells.sum(axis=1), cells[:, 1] + cells[:, 3]
    rates = [k / n for k, n in zip(chosen.tolist(), sizes.tolist(), strict=True)]
    right = int(cells[:, 0].sum() + cells[:, 3].sum())
    ratio = min(rates) / max(rates) if max(rates) else float("nan")
    return Option(ratio, right / int(sizes.sum()), tuple(rates))


def _scored(part: Partition, rows: _Rows, kept: Sequence[int]) -> Scored:
    """The rows of the groups compared, which are numbered anew."""
    place = np.full(len(part.levels), -1, dtype=np.intp)
    place[list(kept)] = np.arange(len(kept))
    group = place[part.codes]
    held = group >= 0
    times = np.ones(len(group), dtype=np.int64) if rows.mass.count is None else rows.mass.count
    return Scored(group[held], rows.score[held], rows.deserving[held], times[held], len(kept))


def _frontier_rows(attribute: str, options: Cuts, step: float) -> list[dict[str, Any]]:
    """The highest accuracy that reaches at least each ratio."""
    return [
        {
            "attribute": attribute,
            "at_least": ratio,
            "ratio": None if option is None else option.ratio,
            "accuracy": None if option is None else option.accuracy,
        }
        for ratio, option in frontier(options, step)
    ]


def _cut_rows(
    attribute: str, names: Sequence[str], options: Cuts, best: Option, turn: int
) -> list[dict[str, Any]]:
    """Each group's cuts as scores; favoured are scores of at least a cut, or of at most it."""
    side = "at least" if turn > 0 else "at most"
    return [
        {"attribute": attribute, "group": name, "favoured": side, "rate": rate}
        | {key: value * turn if value and key != "probability" else value for key, value in rule.items()}
        for name, rate, rule in zip(names, best.rates, options.rules(best), strict=True)
    ]


def _shown(table: Table, kept: Sequence[int], now: Option, best: Option | None) -> list[Group]:
    place = {k: i for i, k in enumerate(kept)}
    return [
        Group(
            attribute=table.attribute,
            group=level,
            n=n,
            status="measured" if k in place else "insufficient",
            value=now.rates[place[k]] if k in place else None,
            rates={"alternative": best.rates[place[k]]} if best and k in place else {},
        )
        for k, (level, n) in enumerate(zip(table.levels, table.sizes, strict=True))
    ]
