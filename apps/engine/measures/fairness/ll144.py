"""Impact ratios as New York City's rule on automated employment decision tools defines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from apps.engine.columns import MISSING, BoolArray, Columns, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.measures.fairness.compare import Terms, worst_over
from apps.engine.measures.fairness.groups import JOIN, Attributes, Floors, Partition, partitions
from apps.engine.measures.fairness.selection import rates_among
from apps.engine.numeric import finite_scores, no_weights, same_length
from apps.engine.values import Measured


def ll144_selection(
    *,
    selected: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
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
    return _impact(
        selected, protected, attributes, Floors(min_group_size, exclude_below_share), confidence, "selected"
    )


def ll144_scoring(
    *,
    score: FloatArray,
    protected: Columns,
    weight: FloatArray | None = None,
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
    values = finite_scores(score)
    median = float(np.median(values))
    above = values > median if higher_is_better else values < median
    floors = Floors(min_group_size, exclude_below_share)
    found = _impact(above, protected, attributes, floors, confidence, "above_median")
    return replace(
        found,
        parameters={
            **found.parameters,
            "median": median,
            "median_population": "full sample",
            "strictly": True,
        },
    )


def _impact(
    chosen: BoolArray,
    protected: Columns,
    attributes: Attributes | None,
    floors: Floors,
    confidence: float,
    event: str,
) -> Measured:
    asked: list[str | Sequence[str]] = list(attributes) if attributes else list(protected)
    if len(asked) > 1 and all(isinstance(a, str) for a in asked):
        asked.append([str(a) for a in asked])
    parts = partitions(protected, asked)
    same_length(selected=chosen, protected=parts[0].codes)
    known = [_known(part) for part in parts]
    terms = Terms(kind="ratio", floors=floors, confidence=confidence)
    found = worst_over(
        [part for part, _ in known],
        lambda part: rates_among(part, chosen[_mask(parts, known, part)], None, (event, "n")),
        terms,
        method="counts; Katz log for ratios",
    )
    unknown = [
        {"attribute": part.attribute, "unknown": int(np.count_nonzero(~mask)), "n": len(mask)}
        for part, (_, mask) in zip(parts, known, strict=True)
    ]
    notes = [
        f"{row['attribute']}: {row['unknown']:,} of {row['n']:,} people are of unknown category."
        for row in unknown
    ]
    return replace(
        found, n=len(chosen), tables={**found.tables, "unknown": unknown}, notes=[*found.notes, *notes]
    )


Known = Sequence[tuple[Partition, np.ndarray[Any, Any]]]


def _known(part: Partition) -> tuple[Partition, np.ndarray[Any, Any]]:
    """The partition without the people of unknown category, and who is known."""
    kept = [k for k, level in enumerate(part.levels) if MISSING not in level.split(JOIN)]
    if not kept:
        raise Unmeasurable(f"{part.attribute} is unknown for everybody.", status="insufficient")
    renumbered = np.full(len(part.levels), -1)
    renumbered[kept] = np.arange(len(kept))
    codes = renumbered[part.codes]
    mask = codes >= 0
    return Partition(part.attribute, codes[mask].astype(np.intp), tuple(part.levels[k] for k in kept)), mask


def _mask(parts: Sequence[Partition], known: Known, part: Partition) -> np.ndarray[Any, Any]:
    return next(mask for one, mask in known if one is part)
