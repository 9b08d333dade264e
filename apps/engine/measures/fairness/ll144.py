"""Impact ratios as New York City's rule on automated employment decision tools defines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from apps.engine.columns import MISSING, BoolArray, Columns, FloatArray, IntArray
from apps.engine.errors import Unmeasurable
from apps.engine.measures.fairness.cells import Mass
from apps.engine.measures.fairness.compare import Terms, worst_over
from apps.engine.measures.fairness.groups import JOIN, Attributes, Floors
from apps.engine.measures.fairness.rate import rates_of
from apps.engine.measures.fairness.tables import Table, tables
from apps.engine.numeric import finite_scores, no_weights
from apps.engine.values import Measured


def ll144_selection(
    *,
    selected: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
    attributes: Attributes | None = None,
    exclude_below_share: float = 0.02,
    min_group_size: int = 1,
    confidence: float = 0.95,
) -> Measured:
    """The lowest impact ratio of a selection tool: a category's selection rate over the highest rate.

    In [0, 1], higher is better. Each attribute is taken alone and, where there are several, their
    intersection.
    People of unknown category are counted in the table ``unknown`` and belong to no category.
    Categories under `exclude_below_share` of all rows stay in the table and out of the ratio.

    Parameters
    ----------
    selected : bool array (n,)
        Moved forward or classified favourably.
    attributes : list, optional
        By default each protected attribute and the intersection of all.

    References
    ----------
    6 RCNY § 5-300, § 5-301(b) and (d).

    Examples
    --------
    >>> found = ll144_selection(
    ...     selected=np.array([True, False, True, True]), protected=Columns.of(sex=["F", "F", "M", "M"])
    ... )
    >>> found.exact
    Fraction(1, 2)
    """
    no_weights(weight, "fairness.ll144_selection")
    terms = Terms(kind="ratio", floors=Floors(min_group_size, exclude_below_share), confidence=confidence)
    found = tables(protected, _asked(protected, attributes), Mass.of(count), selected=selected)
    return _impact(found, terms, "selected")


def ll144_scoring(
    *,
    score: FloatArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
    attributes: Attributes | None = None,
    higher_is_better: bool = True,
    exclude_below_share: float = 0.02,
    min_group_size: int = 1,
    confidence: float = 0.95,
) -> Measured:
    """The lowest impact ratio of a scoring tool: a category's scoring rate over the highest rate.

    The scoring rate is the share of a category that scores strictly above the median of the full sample,
    people of unknown category among it. In [0, 1], higher is better.

    Parameters
    ----------
    score : float array (n,)
        Scores.
    higher_is_better : bool
        False where a low score is good for the person; then strictly below the median counts.

    Raises
    ------
    Unmeasurable
        Undefined: a score that is not finite.

    References
    ----------
    6 RCNY § 5-300, § 5-301(c) and (d).

    Examples
    --------
    >>> found = ll144_scoring(
    ...     score=np.array([1.0, 2.0, 2.0, 3.0, 4.0]), protected=Columns.of(sex=["F", "F", "M", "M", "M"])
    ... )
    >>> found.parameters["median"], found.value
    (2.0, 0.0)
    """
    no_weights(weight, "fairness.ll144_scoring")
    mass = Mass.of(count)
    values = finite_scores(score, count=mass.count)
    median = _median(values, mass.count)
    above = values > median if higher_is_better else values < median
    terms = Terms(kind="ratio", floors=Floors(min_group_size, exclude_below_share), confidence=confidence)
    made = tables(protected, _asked(protected, attributes), mass, score=above)
    found = _impact(made, terms, "above_median")
    return replace(
        found,
        parameters={
            **found.parameters,
            "median": median,
            "median_population": "full sample",
            "strictly": True,
        },
    )


def _median(values: FloatArray, count: IntArray | None) -> float:
    """The median of the rows: the mean of the two in the middle where they are even in number.

    Examples
    --------
    >>> _median(np.array([1.0, 5.0, 2.0]), np.array([1, 2, 1]))
    3.5
    """
    if count is None:
        middle = ((len(values) - 1) // 2, len(values) // 2)
        low, high = np.partition(values, middle)[list(middle)].tolist()
    else:
        order = np.argsort(values, kind="stable")
        below = np.cumsum(count[order])
        places = np.searchsorted(below, ((below[-1] - 1) // 2, below[-1] // 2), side="right")
        low, high = values[order][places].tolist()
    return float(low) if low == high else low / 2 + high / 2


def _asked(protected: Columns, attributes: Attributes | None) -> Attributes:
    """Each attribute alone, and where there are several their intersection."""
    asked: list[str | Sequence[str]] = list(attributes) if attributes else list(protected)
    if len(asked) > 1 and all(isinstance(a, str) for a in asked):
        asked.append([str(a) for a in asked])
    return asked


def _impact(found: Sequence[Table], terms: Terms, event: str) -> Measured:
    n = sum(found[0].sizes)
    known = [_known(table) for table in found]
    given = [(table, rates_of(table, (1,), (0, 1), (event, "n"))) for table in known]
    compared = worst_over(given, terms, method="counts; Katz log for ratios")
    unknown = [{"attribute": table.attribute, "unknown": n - sum(table.sizes), "n": n} for table in known]
    notes = [
        f"{row['attribute']}: {row['unknown']:,} of {row['n']:,} people are of unknown category."
        for row in unknown
    ]
    return replace(
        compared, n=n, tables={**compared.tables, "unknown": unknown}, notes=[*compared.notes, *notes]
    )


def _known(table: Table) -> Table:
    """The table without the people of unknown category."""
    known = table.only(lambda level: MISSING not in level.split(JOIN))
    if not known.levels:
        raise Unmeasurable(f"{table.attribute} is unknown for everybody.", status="insufficient")
    return known
