"""Adverse impact: practical and statistical significance together, in four quadrants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, partial
from typing import Any

from apps.engine.columns import BoolArray, Columns, FloatArray, IntArray
from apps.engine.intervals import holm
from apps.engine.measures.fairness.cells import Mass
from apps.engine.measures.fairness.compare import Given, Terms, worst_over
from apps.engine.measures.fairness.groups import Attributes, Divided, Floors
from apps.engine.measures.fairness.rate import Rate, overall, rates_of
from apps.engine.measures.fairness.tables import tables
from apps.engine.measures.fairness.tests_2x2 import run
from apps.engine.numeric import no_weights
from apps.engine.values import Measured

OUTCOMES = ("pass", "review", "fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What counts as a gap: below `ratio`, and a p-value below `alpha` in `test`."""

    ratio: Fraction
    alpha: float
    test: str
    correction: bool


def adverse_impact(
    *,
    selected: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    ratio: float = 0.8,
    alpha: float = 0.05,
    test: str = "fisher",
    correction: bool = False,
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    interval: str = "wilson",
    adjust: str = "none",
) -> Measured:
    """Adverse impact in four quadrants: a low ratio, a significant gap, both or neither.

    For each group against the reference: 2 (fail) where the selection-rate ratio is below `ratio` and the
    gap is significant, 1 (review) where one of the two holds, 0 (pass) where neither does. The value is the
    worst over groups and attributes; lower is better. A ratio of exactly `ratio` is not below it.

    Parameters
    ----------
    selected, protected, attributes, reference, min_group_size, min_group_share, confidence, interval
        As for `selection_rate_ratio`.
    ratio : float
        The practical bound.
    alpha : float
        The significance level, two-sided.
    test : {"fisher", "z", "chi2", "lancaster_midp"}
        On the table (group, reference) x (selected, not).
    correction : bool
        Continuity correction for ``z`` and ``chi2``.
    adjust : {"none", "holm"}
        Whether the p-values of all comparisons are adjusted, and the ratio intervals with them.

    Returns
    -------
    Measured
        The table ``tests`` has one row a comparison: counts, ratio, statistic, df, p-value, outcome.

    References
    ----------
    29 CFR 1607.4(D). Lancaster (1961), JASA 56, 223-234.

    Examples
    --------
    >>> import numpy as np
    >>> chosen = np.array([True] * 20 + [False] * 80 + [True] * 50 + [False] * 50)
    >>> sexes = Columns.of(sex=["F"] * 100 + ["M"] * 100)
    >>> found = adverse_impact(selected=chosen, protected=sexes)
    >>> found.value, found.parameters["outcome"]
    (2.0, 'fail')
    """
    no_weights(weight, "fairness.adverse_impact")
    terms = Terms(
        kind="ratio",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
    )
    found = [
        (table, rates_of(table, (1,), (0, 1), ("selected", "n")))
        for table in tables(protected, attributes, Mass.of(count), selected=selected)
    ]
    ratios = worst_over(found, terms, method=f"ratio (Katz log) and {test} test")
    if ratios.status != "measured":
        return ratios
    rule = Rule(ratio=Fraction(str(ratio)), alpha=alpha, test=test, correction=correction)
    return _judged(ratios, _tests(found, ratios, rule, adjust))


def _tests(found: Given, ratios: Measured, rule: Rule, adjust: str) -> list[dict[str, Any]]:
    """One row a comparison, p-values adjusted where asked, with its outcome."""
    rows = []
    for part, rates in found:
        named = ratios.parameters["reference_groups"][part.attribute]
        rows += _against(part, rates, named, ratios, rule)
    p_values = [row["p_value"] for row in rows]
    adjusted = holm(p_values) if adjust == "holm" else p_values
    return [_with_outcome(row, p, rule) for row, p in zip(rows, adjusted, strict=True)]


def _against(
    part: Divided, rates: Sequence[Rate], named: str, ratios: Measured, rule: Rule
) -> list[dict[str, Any]]:
    compared = {
        g.group for g in ratios.groups if g.attribute == part.attribute and g.status == "measured"
    } - {named}
    whole = overall(rates) if named == "overall" else rates[part.levels.index(named)]
    test = cache(partial(run, rule.test, correction=rule.correction))
    rows = []
    for level, rate in zip(part.levels, rates, strict=True):
        if level not in compared:
            continue
        base = _rest(whole, rate) if named == "overall" else whole
        rows.append(
            {
                "attribute": part.attribute,
                "group": level,
                "reference": "the other groups" if named == "overall" else named,
                "selected": rate.part,
                "n": rate.whole,
                "reference_selected": base.part,
                "reference_n": base.whole,
                "ratio": Fraction(rate.part * whole.whole, rate.whole * whole.part),
                **test((rate.part, rate.whole - rate.part, base.part, base.whole - base.part)),
            }
        )
    return rows


def _rest(everybody: Rate, rate: Rate) -> Rate:
    """Everybody but the group: what a test against `overall` is independent of."""
    return Rate(everybody.part - rate.part, everybody.whole - rate.whole, everybody.n - rate.n, rate.named)


def _with_outcome(row: dict[str, Any], adjusted: float, rule: Rule) -> dict[str, Any]:
    low, significant = row["ratio"] < rule.ratio, adjusted < rule.alpha
    return {
        **row,
        "ratio": float(row["ratio"]),
        "p_adjusted": adjusted,
        "below_ratio": low,
        "significant": significant,
        "outcome": OUTCOMES[low + significant],
    }


def _judged(ratios: Measured, tests: Sequence[dict[str, Any]]) -> Measured:
    worst = max(OUTCOMES.index(row["outcome"]) for row in tests)
    return replace(
        ratios,
        value=float(worst),
        exact=Fraction(worst),
        interval=None,
        parameters={
            **ratios.parameters,
            "outcome": OUTCOMES[worst],
            "lowest_ratio": ratios.value,
            "lowest_ratio_interval": list(ratios.interval or ()),
        },
        tables={"tests": tests},
    )
