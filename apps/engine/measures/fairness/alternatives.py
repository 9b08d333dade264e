"""Less discriminatory cuts of the same score: what ratio could be had, at what cost in accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.fairness import groups as grouping
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition, partitions
from apps.engine.measures.fairness.table_of import Places
from apps.engine.numeric import finite_scores, same_length
from apps.engine.values import Group, Measured, finite

_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Curve:
    """What one group's cuts can do: its share of the rows, selection rates, accuracies and cuts.

    Selection rates ascend. The upper hull of the accuracies is what cuts drawn at random between two others
    reach.
    """

    share: float
    rate: FloatArray
    accuracy: FloatArray
    cut: FloatArray

    def at(self, rate: FloatArray) -> FloatArray:
        """The accuracy at these selection rates, linear between the points."""
        return np.asarray(np.interp(rate, self.rate, self.accuracy), dtype=np.float64)

    @property
    def best(self) -> float:
        """The selection rate of the highest accuracy, the lowest of several."""
        return float(self.rate[int(np.argmax(self.accuracy))])


@dataclass(frozen=True, slots=True)
class Option:
    """One alternative: the lowest ratio, the accuracy, each group's selection rate, the common cut."""

    ratio: float
    accuracy: float
    rates: tuple[float, ...]
    cut: float | None = None


def less_discriminatory_alternative(
    *,
    score: FloatArray,
    label: BoolArray,
    deserving: BoolArray,
    selected: BoolArray,
    protected: Columns,
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
        Insufficient: fewer than two groups of enough rows. Undefined: nobody is selected now.
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
    parts = partitions(protected, attributes)
    same_length(score=score, label=label, selected=selected, protected=parts[0].codes)
    turn = _direction(label, deserving)
    held = _Rows(finite_scores(score) * turn, deserving, selected, turn)
    plan = _Plan(cuts, tolerance, step, Floors(min_group_size, min_group_share))
    found = [_attribute(part, held, plan) for part in parts]
    worst = max(found, key=lambda one: one.value or 0.0)
    return replace(
        worst,
        groups=[group for one in found for group in one.groups],
        tables={name: [row for one in found for row in one.tables[name]] for name in worst.tables},
        notes=[note for one in found for note in one.notes],
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Scores turned so that higher is favoured, what people deserve and what they got."""

    score: FloatArray
    deserving: BoolArray
    selected: BoolArray
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
    sizes = np.bincount(part.codes, minlength=len(part.levels)).tolist()
    kept = grouping.eligible(sizes, plan.floors)
    grouping.require_two(part, sizes, kept, plan.floors)
    order = np.argsort(part.codes, kind="stable")
    rows_of = np.split(order, np.searchsorted(part.codes[order], np.arange(1, len(part.levels))))
    members = [rows_of[k] for k in kept]
    now = _as_it_is(rows, members)
    if now.ratio != now.ratio:
        raise Unmeasurable(f"Nobody in the groups of {part.attribute} is selected now: there is no ratio.")
    total = sum(len(m) for m in members)
    curves = [_curve(rows.score[m], rows.deserving[m], total) for m in members]
    options = _GroupCuts(curves) if plan.cuts == "group" else _CommonCut(rows, members)
    best = options.within(now.accuracy - plan.tolerance)
    if best is None or best.ratio <= now.ratio + _SAME:
        best = None
    named = [part.levels[k] for k in kept]
    return Measured(
        value=0.0 if best is None else best.ratio - now.ratio,
        n=len(part.codes),
        method="best rule over all cuts of this score, chosen and judged on the same rows; no interval",
        parameters={
            "attribute": part.attribute,
            "now": {"ratio": now.ratio, "accuracy": now.accuracy},
            "alternative": None if best is None else {"ratio": best.ratio, "accuracy": best.accuracy},
        },
        groups=_shown(part, sizes, kept, now, best),
        tables={
            "frontier": _frontier(part.attribute, options, plan.step),
            "cuts": [] if best is None else _cut_rows(part.attribute, named, options, best, rows.turn),
        },
        notes=grouping.excluded_note(part, sizes, kept, plan.floors),
    )


def _as_it_is(rows: _Rows, members: Sequence[Places]) -> Option:
    rates = [float(rows.selected[m].mean()) for m in members]
    right = sum(int((rows.selected[m] == rows.deserving[m]).sum()) for m in members)
    ratio = min(rates) / max(rates) if max(rates) else float("nan")
    return Option(ratio, right / sum(len(m) for m in members), tuple(rates))


def _curve(score: FloatArray, deserving: BoolArray, total: int) -> Curve:
    """The upper hull of a group's accuracies over its selection rates."""
    n = len(score)
    order = np.argsort(-score, kind="stable")
    ordered, worthy = score[order], deserving[order]
    last = np.concatenate((ordered[1:] != ordered[:-1], [True]))
    hits = np.concatenate(([0], np.cumsum(worthy)[last]))
    taken = np.concatenate(([0], np.flatnonzero(last) + 1))
    right = n - int(worthy.sum()) - taken + 2 * hits
    hull = _hull(taken.tolist(), right.tolist())
    cut = np.concatenate(([np.inf], ordered[last]))
    return Curve(n / total, taken[hull] / n, right[hull] / n, cut[hull])


def _hull(xs: Sequence[int], ys: Sequence[int]) -> list[int]:
    """The upper hull of points with ascending x, by place.

    Examples
    --------
    >>> _hull([0, 1, 2, 3], [0, 0, 4, 3])
    [0, 2, 3]
    """
    kept: list[int] = []
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (ys[b] - ys[a]) * (x - xs[a]) > (y - ys[a]) * (xs[b] - xs[a]):
                break
            kept.pop()
        kept.append(i)
    return kept


class _GroupCuts:
    """A cut for each group, mixed between two where that is better."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self.curves = curves
        self._rates = np.unique(np.concatenate([c.rate for c in curves]))

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
            if self._total(corners[middle + 1], ratio) > self._total(corners[middle], ratio):
                low = middle + 1
            else:
                high = middle
        return self._option(float(corners[low]), ratio)

    def _total(self, highest: float, ratio: float) -> float:
        return self._option(highest, ratio).accuracy

    def _option(self, highest: float, ratio: float) -> Option:
        rates = [min(max(c.best, ratio * highest), highest) for c in self.curves]
        right = math.fsum(
            c.share * float(c.at(np.array([rate]))[0]) for c, rate in zip(self.curves, rates, strict=True)
        )
        return Option(min(rates) / max(rates) if max(rates) else 0.0, right, tuple(rates))

    def within(self, accuracy: float) -> Option | None:
        """The rule of the highest ratio that is at least so accurate."""
        if self.reaching(0.0).accuracy < accuracy - _SAME:
            return None
        low, high = 0.0, 1.0
        if self.reaching(1.0).accuracy >= accuracy - _SAME:
            return self.reaching(1.0)
        for _ in range(50):
            middle = (low + high) / 2
            if self.reaching(middle).accuracy >= accuracy - _SAME:
                low = middle
            else:
                high = middle
        return self.reaching(low)

    def rule(self, group: int, option: Option) -> dict[str, float | None]:
        """Where a group's cuts lie, and how often the lower one is taken."""
        curve, rate = self.curves[group], option.rates[group]
        k = int(np.searchsorted(curve.rate, rate, side="right")) - 1
        if k + 1 >= len(curve.rate) or rate - curve.rate[k] < _SAME:
            return {"always_from": finite(float(curve.cut[k])), "sometimes_from": None, "probability": None}
        share = (rate - curve.rate[k]) / (curve.rate[k + 1] - curve.rate[k])
        return {
            "always_from": finite(float(curve.cut[k])),
            "sometimes_from": float(curve.cut[k + 1]),
            "probability": float(share),
        }


class _CommonCut:
    """One cut for everybody."""

    def __init__(self, rows: _Rows, members: Sequence[Places]) -> None:
        everybody = np.concatenate(list(members))
        self._cuts = np.unique(rows.score[everybody])
        right = np.zeros(len(self._cuts))
        rates = []
        for m in members:
            worthy = rows.deserving[m]
            taken = len(m) - np.searchsorted(np.sort(rows.score[m]), self._cuts, side="left")
            hits = worthy.sum() - np.searchsorted(np.sort(rows.score[m][worthy]), self._cuts, side="left")
            rates.append(taken / len(m))
            right += len(m) - worthy.sum() - taken + 2 * hits
        self._rates = np.stack(rates, axis=1)
        self._ratio = self._rates.min(axis=1) / self._rates.max(axis=1)
        self._accuracy = right / len(everybody)

    def reaching(self, ratio: float) -> Option | None:
        """The most accurate cut whose lowest ratio is at least this."""
        fit = np.flatnonzero(self._ratio >= ratio - _SAME)
        return (
            self._option(fit[np.lexsort((-self._ratio[fit], -self._accuracy[fit]))[0]]) if len(fit) else None
        )

    def within(self, accuracy: float) -> Option | None:
        """The cut of the highest ratio that is at least so accurate."""
        fit = np.flatnonzero(self._accuracy >= accuracy - _SAME)
        return (
            self._option(fit[np.lexsort((-self._accuracy[fit], -self._ratio[fit]))[0]]) if len(fit) else None
        )

    def _option(self, place: int) -> Option:
        rates = tuple(float(r) for r in self._rates[place])
        cut = float(self._cuts[place])
        return Option(float(self._ratio[place]), float(self._accuracy[place]), rates, cut)

    def rule(self, group: int, option: Option) -> dict[str, float | None]:
        """The cut, the same for each group."""
        return {"always_from": option.cut, "sometimes_from": None, "probability": None}


def _frontier(attribute: str, options: _GroupCuts | _CommonCut, step: float) -> list[dict[str, Any]]:
    """The highest accuracy that reaches at least each ratio."""
    wanted = [min(1.0, k * step) for k in range(math.ceil(1 / step - _SAME) + 1)]
    found = [(ratio, options.reaching(ratio)) for ratio in wanted]
    return [
        {
            "attribute": attribute,
            "at_least": ratio,
            "ratio": None if option is None else option.ratio,
            "accuracy": None if option is None else option.accuracy,
        }
        for ratio, option in found
    ]


def _cut_rows(
    attribute: str, names: Sequence[str], options: _GroupCuts | _CommonCut, best: Option, turn: int
) -> list[dict[str, Any]]:
    """Each group's cuts as scores; favoured are scores of at least a cut, or of at most it."""
    rows = []
    for k, name in enumerate(names):
        rule = options.rule(k, best)
        for key in ("always_from", "sometimes_from"):
            rule[key] = None if rule[key] is None else (rule[key] or 0.0) * turn
        side = "at least" if turn > 0 else "at most"
        rows.append({"attribute": attribute, "group": name, "favoured": side, "rate": best.rates[k], **rule})
    return rows


def _shown(
    part: Partition, sizes: Sequence[int], kept: Sequence[int], now: Option, best: Option | None
) -> list[Group]:
    place = {k: i for i, k in enumerate(kept)}
    return [
        Group(
            attribute=part.attribute,
            group=level,
            n=sizes[k],
            status="measured" if k in place else "insufficient",
            value=now.rates[place[k]] if k in place else None,
            rates={"alternative": best.rates[place[k]]} if best and k in place else {},
        )
        for k, level in enumerate(part.levels)
    ]
