"""Every rate of the confusion matrix by group, with its counts and disparities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.intervals import proportion
from apps.engine.measures.confusion_rates import RATES, Cells
from apps.engine.measures.fairness.compare import Rate, Terms, worst_over
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition, partitions
from apps.engine.numeric import no_weights, same_length
from apps.engine.values import Group, Measured

ALL = "all"


def group_rates(
    *,
    predicted: BoolArray,
    label: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
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
    no_weights(weight, "fairness.group_rates")
    parts = partitions(protected, attributes)
    same_length(predicted=predicted, label=label, protected=parts[0].codes)
    terms = Terms(
        kind="difference",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
    )
    cells = {part.attribute: cells_of(part, predicted, label) for part in parts}
    found = worst_over(
        parts,
        lambda part: rates_from(cells[part.attribute], rate),
        terms,
        method=f"counts; rates: {interval}; differences: Newcombe",
    )
    return _with_cells(found, parts, cells, Cells.of(predicted, label), rate, terms)


def cells_of(part: Partition, predicted: BoolArray, label: BoolArray) -> list[Cells]:
    """The four cells of each group."""
    counted = part.counts(label, predicted)
    return [Cells(*(int(c) for c in four.ravel())) for four in counted]


def rates_from(cells: list[Cells], rate: str) -> list[Rate]:
    """One rate of each group, as counts."""
    named = ("+".join(RATES[rate][0]), "+".join(RATES[rate][1]))
    return [Rate(*four.parts(rate), sum(four.counts().values()), named) for four in cells]


def _with_cells(
    found: Measured,
    parts: list[Partition],
    cells: Mapping[str, list[Cells]],
    everybody: Cells,
    rate: str,
    terms: Terms,
) -> Measured:
    """The rows of `found` with the four counts, all rates and disparities; everybody comes first."""
    by_name = {
        (part.attribute, level): four
        for part in parts
        for level, four in zip(part.levels, cells[part.attribute], strict=True)
    }
    references = found.parameters.get("reference_groups", {})
    rows = [_everybody(everybody, rate, terms)]
    for row in found.groups:
        four = by_name[str(row.attribute), row.group]
        base = by_name.get((str(row.attribute), references.get(row.attribute)), everybody)
        compared = bool(references) and row.status == "measured"
        rows.append(
            replace(
                row,
                counts=four.counts(),
                rates=four.rates(),
                disparities=disparities(four, base) if compared else {},
            )
        )
    return replace(found, groups=rows)


def _everybody(cells: Cells, rate: str, terms: Terms) -> Group:
    value = cells.fraction(rate)
    top, bottom = cells.parts(rate)
    return Group(
        attribute=None,
        group=ALL,
        n=sum(cells.counts().values()),
        status="undefined" if value is None else "measured",
        counts=cells.counts(),
        rates=cells.rates(),
        value=None if value is None else float(value),
        interval=proportion(top, bottom, terms.confidence, terms.interval) if bottom else None,
    )


def disparities(cells: Cells, base: Cells) -> dict[str, float | None]:
    """Each rate divided by the reference's; null where that is zero or one is undefined.

    Examples
    --------
    >>> import numpy as np
    >>> disparities(Cells(tn=6, fp=2, fn=1, tp=1), Cells(tn=4, fp=4, fn=1, tp=1))["fpr"]
    0.5
    """
    found: dict[str, float | None] = {}
    for rate in RATES:
        one, other = cells.fraction(rate), base.fraction(rate)
        found[rate] = None if one is None or not other else float(one / other)
    return found
