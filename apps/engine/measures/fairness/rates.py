"""Every rate of the confusion matrix by group, with its counts and disparities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

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
_TOPS, _BOTTOMS = (
    np.array([[cell in parts[k] for parts in RATES.values()] for cell in CELLS], dtype=np.int64)
    for k in (0, 1)
)
_EXACT = 1 << 26


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
    references = compared.parameters.get("reference_groups", {})
    shares = [Shares.of_table(table) for table in found]
    rows, shown = iter(compared.groups), [_everybody(found[0], shares[0], overall(given[0][1]), terms)]
    for table, one in zip(found, shares, strict=True):
        held = list(islice(rows, len(table.levels)))
        shown += _with_cells(held, table, one, references.get(table.attribute))
    return replace(compared, groups=shown)


def confusion_rates(table: Table, rate: str) -> list[Rate]:
    """One rate of each group from a table of labels and predictions."""
    top, bottom = _PARTS[rate]
    return rates_of(table, top, bottom, ("+".join(RATES[rate][0]), "+".join(RATES[rate][1])))


@dataclass(frozen=True, slots=True)
class Shares:
    """Numerators and denominators (groups, rates) of every rate: rows, or weights in a common unit.

    Whole numbers, of Python where a product of two would not be exact in floating point.

    Examples
    --------
    >>> Shares.of(np.array([[6, 2, 1, 1]])).over(Shares.of(np.array([[4, 4, 1, 1]])))[0]["fpr"]
    0.5
    """

    tops: npt.NDArray[Any]
    bottoms: npt.NDArray[Any]

    @classmethod
    def of(cls, cells: npt.NDArray[Any]) -> Shares:
        """From cells (groups, 4): tn, fp, fn, tp."""
        exact = cells.dtype == object or int(cells.sum()) >= _EXACT
        held = cells.astype(object) if exact else cells
        return cls(held @ _TOPS, held @ _BOTTOMS)

    @classmethod
    def of_table(cls, table: Table) -> Shares:
        """Of the groups of a table, and of all together in the last place."""
        cells: npt.NDArray[Any] = table.rows
        if table.sums is not None:
            cells = np.array(whole_numbers(table.sums.tolist()).cells, dtype=object)
        return cls.of(np.concatenate((cells, cells.sum(axis=0, keepdims=True))))

    def rates(self) -> list[dict[str, float | None]]:
        """Every rate of each group; null where its denominator is zero."""
        return _named(self.tops, self.bottoms)

    def over(self, base: Shares) -> list[dict[str, float | None]]:
        """Each rate divided by the reference's; null where that is zero or one is undefined."""
        return _named(self.tops * base.bottoms, self.bottoms * base.tops)

    def at(self, place: int) -> Shares:
        """Those of one group."""
        return Shares(self.tops[[place]], self.bottoms[[place]])


def _named(tops: npt.NDArray[Any], bottoms: npt.NDArray[Any]) -> list[dict[str, float | None]]:
    known = bottoms != 0
    found = (tops / np.where(known, bottoms, 1)).astype(object)
    found[~known] = None
    return [dict(zip(RATES, row, strict=True)) for row in found.tolist()]


def _with_cells(rows: Sequence[Group], table: Table, shares: Shares, reference: str | None) -> list[Group]:
    """The rows of one attribute with the four counts, all rates and disparities."""
    nothing: list[dict[str, float | None]] = [{}] * len(rows)
    base = table.levels.index(reference) if reference in table.levels else len(rows)
    over = shares.over(shares.at(base)) if reference else nothing
    parts = zip(rows, table.rows.tolist(), shares.rates(), over, strict=False)
    return [
        replace(
            row,
            counts=dict(zip(CELLS, four, strict=True)),
            rates=rates,
            disparities=ratios if row.status == "measured" else {},
        )
        for row, four, rates, ratios in parts
    ]


def _everybody(table: Table, shares: Shares, rate: Rate, terms: Terms) -> Group:
    return Group(
        attribute=None,
        group=ALL,
        n=rate.n,
        status="undefined" if rate.number is None else "measured",
        counts=dict(zip(CELLS, table.rows.sum(axis=0).tolist(), strict=True)),
        rates=shares.rates()[-1],
        value=rate.number,
        interval=proportion(*rate.sample, terms.confidence, terms.interval) if rate.whole else None,
    )
