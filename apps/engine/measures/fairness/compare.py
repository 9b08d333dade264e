"""Comparing one rate between groups: ratios and differences against a reference, and the worst of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from apps.engine.errors import Unmeasurable
from apps.engine.intervals import katz_log, newcombe, proportion, shared_confidence
from apps.engine.measures.fairness import groups as grouping
from apps.engine.measures.fairness.groups import Divided, Floors
from apps.engine.measures.fairness.rate import Rate, overall
from apps.engine.measures.fairness.tables import Table
from apps.engine.values import Group, Interval, Measured, Status

Kind = Literal["ratio", "difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How groups are compared.

    Parameters
    ----------
    kind : {"ratio", "difference"}
        Rate over reference, or their distance.
    reference : str
        ``highest``, ``largest``, ``overall`` or a group's name.
    adjust : {"none", "holm"}
        With ``holm`` the intervals hold together over all comparisons.
    folded : bool
        Whether a ratio above one counts as its inverse: a disparity in either direction.
    """

    kind: Kind
    reference: str = "highest"
    floors: Floors = field(default_factory=Floors)
    confidence: float = 0.95
    interval: str = "wilson"
    adjust: str = "none"
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Contrast:
    """One group against the reference: the exact figure and its interval."""

    group: int
    value: Fraction
    interval: Interval


@dataclass(frozen=True, slots=True)
class Compared:
    """One attribute compared: its rows, its contrasts, the reference found."""

    part: Divided
    rates: Sequence[Rate]
    rows: Sequence[Group]
    contrasts: Sequence[Contrast]
    reference: str
    notes: Sequence[str]
    excluded: Sequence[str]


def compare(part: Divided, rates: Sequence[Rate], terms: Terms, *, comparisons: int = 1) -> Compared:
    """Compare a rate between the groups of one partition.

    Raises
    ------
    Unmeasurable
        Insufficient: fewer than two groups above the floors. Undefined: a group above the floors whose
        rate has denominator zero, or a reference rate of zero where a ratio is asked.
    """
    sizes = [rate.n for rate in rates]
    kept = grouping.eligible(sizes, terms.floors)
    grouping.require_two(part, sizes, kept, terms.floors)
    for k in kept:
        _require_defined(part, k, rates[k])
    found = grouping.reference_of(part, sizes, kept, terms.reference, lambda k: _known(rates[k]))
    base = overall(rates) if found is None else rates[found]
    named = "overall" if found is None else part.levels[found]
    _require_ratio(part, base, named, terms)
    holm = terms.adjust == "holm"
    confidence = shared_confidence(terms.confidence, comparisons) if holm else terms.confidence
    contrasts = {k: _contrast(k, rates[k], base, terms, confidence) for k in kept if k != found}
    held = set(kept)
    return Compared(
        part,
        rates,
        [
            _row(part, rate, k, kept=k in held, contrast=contrasts.get(k), base=k == found, terms=terms)
            for k, rate in enumerate(rates)
        ],
        list(contrasts.values()),
        named,
        grouping.excluded_note(part, sizes, kept, terms.floors),
        _left_out(part, kept),
    )


def _left_out(part: Divided, kept: Sequence[int]) -> list[str]:
    held = set(kept)
    return [level for k, level in enumerate(part.levels) if k not in held]


def _known(rate: Rate) -> Fraction:
    return Fraction(rate.part, rate.whole)


def _require_defined(part: Divided, k: int, rate: Rate) -> None:
    if not rate.whole:
        raise Unmeasurable(
            f"{part.attribute} = {part.levels[k]} has no row of {rate.named[1]} among {rate.n:,}: "
            "its rate is undefined."
        )


def _require_ratio(part: Divided, base: Rate, named: str, terms: Terms) -> None:
    if terms.kind == "ratio" and base.part == 0:
        raise Unmeasurable(
            f"The rate of the reference {part.attribute} = {named} is 0 of {base.size:,} "
            f"({base.named[0]} of {base.named[1]}): a ratio to it is undefined."
        )


def _contrast(k: int, rate: Rate, base: Rate, terms: Terms, confidence: float) -> Contrast:
    """The contrast of one group with its interval."""
    if terms.kind == "difference":
        return Contrast(k, *_difference(rate, base, confidence))
    if terms.folded and _known(rate) > _known(base):
        rate, base = base, rate
    ratio = _known(rate) / _known(base)
    return Contrast(k, ratio, katz_log(*rate.sample, *base.sample, confidence))


def _difference(rate: Rate, base: Rate, confidence: float) -> tuple[Fraction, Interval]:
    """The distance |rate - base| and Newcombe's interval on the side where it lies."""
    gap = _known(base) - _known(rate)
    first, second = (base, rate) if gap >= 0 else (rate, base)
    low, high = newcombe(*first.sample, *second.sample, confidence)
    return abs(gap), (max(0.0, low), high)


def _row(
    part: Divided, rate: Rate, k: int, *, kept: bool, contrast: Contrast | None, base: bool, terms: Terms
) -> Group:
    value = rate.number
    shown: dict[str, Any] = {}
    if terms.kind == "ratio" and contrast is not None:
        shown = {"ratio": float(contrast.value), "ratio_interval": contrast.interval}
    elif terms.kind == "ratio" and base:
        shown = {"ratio": 1.0}
    elif contrast is not None:
        shown = {"disparities": {"difference": float(contrast.value)}}
    return Group(
        attribute=part.attribute,
        group=part.levels[k],
        n=rate.n,
        status="measured" if kept and value is not None else ("undefined" if kept else "insufficient"),
        counts=rate.counts(),
        value=value,
        interval=proportion(*rate.sample, terms.confidence, terms.interval) if rate.whole else None,
        note=_row_note(rate, kept, base, terms),
        **shown,
    )


def _row_note(rate: Rate, kept: bool, base: bool, terms: Terms) -> str | None:
    if base:
        return "reference"
    if not kept:
        return f"under {grouping.wanted(terms.floors)}; not compared"
    if rate.size < terms.floors.size:
        return f"the rate rests on {rate.size:,} rows only"
    return None


Given = Sequence[tuple[Divided, Sequence[Rate]]]


def method_of(terms: Terms, found: Sequence[Table]) -> str:
    """What the figures and intervals of these tables rest on, in words."""
    source = "counts" if found[0].sums is None else "sums of weights, intervals on Kish's effective size"
    contrasts = "ratios: Katz log" if terms.kind == "ratio" else "differences: Newcombe"
    return f"{source}; rates: {terms.interval}; {contrasts}"


def worst_over(given: Given, terms: Terms, *, method: str, **parameters: Any) -> Measured:
    """The worst contrast over all attributes: the lowest ratio, or the largest difference.

    Its interval runs from the most adverse lower to the most adverse upper end over all contrasts, so
    that a small group whose ratio *may* be low is not hidden behind a large one whose ratio is lower.
    """
    comparisons = sum(max(0, _eligible(rates, terms) - (terms.reference != "overall")) for _, rates in given)
    compared, refused = [], []
    for part, rates in given:
        try:
            compared.append(compare(part, rates, terms, comparisons=comparisons))
        except Unmeasurable as reason:
            refused.append((part, rates, reason))
    if refused:
        return _refused(given, refused, terms, method)
    return _measured(compared, terms, method, {"comparisons": comparisons, **parameters})


def _refused(
    given: Given,
    refused: Sequence[tuple[Divided, Sequence[Rate], Unmeasurable]],
    terms: Terms,
    method: str,
) -> Measured:
    """No number where one attribute has none, with every group's counts and every reason."""
    status: Status = "undefined" if any(r.status == "undefined" for *_, r in refused) else "insufficient"
    return Measured(
        value=None,
        status=status,
        n=sum(rate.n for rate in given[0][1]),
        confidence=terms.confidence,
        method=method,
        groups=[row for part, rates in given for row in plain_rows(part, rates, terms)],
        notes=[str(reason) for *_, reason in refused],
    )


def plain_rows(part: Divided, rates: Sequence[Rate], terms: Terms) -> list[Group]:
    """Each group with its counts and rate, compared with nobody."""
    kept = set(grouping.eligible([rate.n for rate in rates], terms.floors))
    return [
        _row(part, rate, k, kept=k in kept, contrast=None, base=False, terms=terms)
        for k, rate in enumerate(rates)
    ]


def _measured(
    compared: Sequence[Compared], terms: Terms, method: str, parameters: Mapping[str, Any]
) -> Measured:
    contrasts = [(c, one) for c in compared for one in c.contrasts]
    lowest = terms.kind == "ratio"
    pick = min if lowest else max
    worst_of, worst = pick(contrasts, key=lambda pair: pair[1].value)
    return Measured(
        value=float(worst.value),
        exact=worst.value,
        n=sum(rate.n for rate in compared[0].rates),
        interval=_envelope([one.interval for _, one in contrasts], lowest=lowest),
        confidence=terms.confidence,
        method=method,
        groups=[row for c in compared for row in c.rows],
        parameters={
            "reference_groups": {c.part.attribute: c.reference for c in compared},
            "worst": {"attribute": worst_of.part.attribute, "group": worst_of.part.levels[worst.group]},
            "excluded": {c.part.attribute: list(c.excluded) for c in compared if c.excluded},
            **parameters,
        },
        notes=[note for c in compared for note in c.notes],
    )


def _eligible(rates: Sequence[Rate], terms: Terms) -> int:
    return len(grouping.eligible([rate.n for rate in rates], terms.floors))


def _envelope(intervals: Sequence[Interval], *, lowest: bool) -> Interval:
    """The interval of the smallest (or largest) of several figures; None stands for no upper end."""
    lows = [low if low is not None else 0.0 for low, _ in intervals]
    highs = [high for _, high in intervals if high is not None]
    if lowest:
        return min(lows), min(highs) if highs else None
    return max(lows), max(highs) if len(highs) == len(intervals) else None
