"""Every rate of the confusion matrix by group, with its counts and disparities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from apps.engine.columns import BoolArray, Columns, FloatArray, IntArray
from apps.engine.intervals import proportion
from apps.engine.measures.confusion_rates import RATES
from apps.engine.measures.fairness.cells import Mass
from apps.engine.measures.fairness.compare import Terms, method_of, worst_over
from apps.engine.measures.fairness.groups import Attributes, Floors
from apps.engine.measures.fairness.rate import Rate, overall, rates_of, whole_numbers
from apps.engine.measures.fairness.tables import Table, tables
from apps.engine.values import Group, Measured

ALL = "all"
CELLS = ("tn", "fp", "fn", "tp")
_PARTS = {
    rate: tuple(tuple(CELLS.index(cell) for cell in cells) for cells in parts)
    for rate, parts in RATES.items()
}
Four = Sequence[int]


def group_rates(
    *,
    predicted: BoolArray,
    label: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    rate: str = "selection_rate",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    interval: str = "wilson",
) -> Measured:
    """Counts tn, fp, fn, tp and every rate of each group and of all, with disparities.

    Positive is the label value that the score predicts; the selection rate here is the share *predicted
    positive*. The value is the largest distance of `rate` between a group and the reference, in
    [0, 1], lower is better; `disparities` of a group are each of its rates divided by the reference's.

    Parameters
    ----------
    predicted, label : bool arrays (n,)
        Predicted and actual positive.
    rate : str
        The rate that makes the value and each group's `value`.
    reference : str
        ``highest`` (by `rate`), ``largest``, ``overall`` or a group's name.

    Returns
    -------
    Measured
        A rate with denominator zero is null. Undefined where that is `rate` of a compared group;
        insufficient with fewer than two groups.

    Examples
    --------
    >>> import numpy as np
    >>> found = group_rates(
    ...     predicted=np.array([True, False, True, False]),
    ...     label=np.array([True, True, False, False]),
    ...     protected=Columns.of(sex=["F", "F", "M", "M"]),
    ...     min_group_size=1,
    ... )
    >>> [(g.group, dict(g.counts)) for g in found.groups][1]
    ('F', {'tn': 0, 'fp': 0, 'fn': 1, 'tp': 1})
    """
    terms = Terms(
        kind="difference",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
    )
    mass = Mass.of(count, weight)
    found = tables(protected, attributes, mass, label=label, predicted=predicted)
    given = [(table, confusion_rates(table, rate)) for table in found]
    compared = worst_over(given, terms, method=method_of(terms, found))
    everybody = _everybody(found[0], overall(given[0][1]), terms)
    references = compared.parameters.get("reference_groups", {})
    rows = iter(compared.groups)
    shown = [
        group
        for table in found
        for group in _with_cells(
            list(islice(rows, len(table.levels))), table, references.get(table.attribute)
        )
    ]
    return replace(compared, groups=[everybody, *shown])


def confusion_rates(table: Table, rate: str) -> list[Rate]:
    """One rate of each group from a table of labels and predictions."""
    top, bottom = _PARTS[rate]
    return rates_of(table, top, bottom, ("+".join(RATES[rate][0]), "+".join(RATES[rate][1])))


def _masses(table: Table) -> list[list[int]]:
    """The four cells of each group in whole numbers: rows, or weights in a common unit."""
    if table.sums is not None:
        return whole_numbers(table.sums.tolist()).cells
    rows: list[list[int]] = table.rows.tolist()
    return rows


def _with_cells(rows: Sequence[Group], table: Table, reference: str | None) -> list[Group]:
    """The rows of one attribute with the four counts, all rates and disparities."""
    counts, masses = table.rows.tolist(), _masses(table)
    base = masses[table.levels.index(reference)] if reference in table.levels else _summed(masses)
    return [
        replace(
            row,
            counts=dict(zip(CELLS, four, strict=True)),
            rates=_all_rates(mass),
            disparities=disparities(mass, base) if reference and row.status == "measured" else {},
        )
        for row, four, mass in zip(rows, counts, masses, strict=True)
    ]


def _summed(masses: Sequence[Four]) -> list[int]:
    return [sum(cell) for cell in zip(*masses, strict=True)]


def _everybody(table: Table, rate: Rate, terms: Terms) -> Group:
    return Group(
        attribute=None,
        group=ALL,
        n=rate.n,
        status="undefined" if rate.number is None else "measured",
        counts=dict(zip(CELLS, table.rows.sum(axis=0).tolist(), strict=True)),
        rates=_all_rates(_summed(_masses(table))),
        value=rate.number,
        interval=proportion(*rate.sample, terms.confidence, terms.interval) if rate.whole else None,
    )


def _all_rates(cells: Four) -> Mapping[str, float | None]:
    return {rate: top / bottom if bottom else None for rate, top, bottom in _shares(cells)}


def _shares(cells: Four) -> list[tuple[str, int, int]]:
    """Numerator and denominator of every rate."""
    return [
        (rate, sum([cells[c] for c in top]), sum([cells[c] for c in bottom]))
        for rate, (top, bottom) in _PARTS.items()
    ]


def disparities(cells: Four, base: Four) -> dict[str, float | None]:
    """Each rate divided by the reference's; null where that is zero or one is undefined.

    Examples
    --------
    >>> disparities([6, 2, 1, 1], [4, 4, 1, 1])["fpr"]
    0.5
    """
    pairs = zip(_shares(cells), _shares(base), strict=True)
    return {
        rate: top * other / (bottom * least) if bottom and least else None
        for (rate, top, bottom), (_, least, other) in pairs
    }
