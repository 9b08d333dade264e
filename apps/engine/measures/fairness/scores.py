"""How scores differ between groups: standardised means, calibration, ranking."""

from __future__ import annotations

import math

from apps.engine.columns import BoolArray, Columns, FloatArray, IntArray
from apps.engine.errors import Unmeasurable
from apps.engine.measures.fairness.cells import Mass
from apps.engine.measures.fairness.figures import Areas, Means
from apps.engine.measures.fairness.gaps import Plan, largest_gap
from apps.engine.measures.fairness.groups import Attributes, Floors
from apps.engine.numeric import finite_scores, probabilities, same_length, stable_sum, stable_variance
from apps.engine.values import Measured


def standardized_mean_difference(
    *,
    score: FloatArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
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
    >>> import numpy as np
    >>> found = standardized_mean_difference(
    ...     score=np.array([0.0, 2.0, 4.0, 6.0]),
    ...     protected=Columns.of(sex=["F", "F", "M", "M"]),
    ...     min_group_size=1,
    ... )
    >>> round(found.value, 6)
    1.549193
    """
    same_length(score=score, weight=weight, count=count)
    mass = Mass.of(count, weight)
    values = finite_scores(score, count=mass.count)
    spread = _spread(values, mass)
    plan = Plan(
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        adjust=adjust,
        scale=spread,
    )

    method = f"means; normal (Welch), sd of all rows{_WEIGHTED if mass.weight is not None else ''}"
    return largest_gap(Means(values, mass), protected, attributes, plan, method)


_WEIGHTED = "; sums of weights, variances linearised"


def _spread(values: FloatArray, mass: Mass) -> float:
    """The standard deviation of all scores, weights counted as rows."""
    if mass.weight is None:
        variance = stable_variance(values, mass.count)
    else:
        total = stable_sum(mass.weight, mass.count)
        if total <= 1:
            raise Unmeasurable(f"The weights sum to {total:.6g}: a standard deviation needs more than 1.")
        mean = stable_sum(mass.weight * values, mass.count) / total
        variance = stable_sum(mass.weight * (values - mean) ** 2, mass.count) / (total - 1)
    if variance == 0:
        n = mass.total(len(values))
        raise Unmeasurable(f"All {n:,} scores are equal: their standard deviation is 0.")
    return math.sqrt(variance)


def calibration_gap(
    *,
    score: FloatArray,
    label: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
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
    >>> import numpy as np
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
    same_length(score=score, label=label, weight=weight, count=count)
    mass = Mass.of(count, weight)
    values = probabilities(score, count=mass.count)
    plan = Plan(
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        adjust=adjust,
    )
    method = f"mean score - outcome rate; normal (Welch){_WEIGHTED if mass.weight is not None else ''}"
    return largest_gap(Means(values - label, mass, label), protected, attributes, plan, method)


def auc_gap(
    *,
    score: FloatArray,
    label: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
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
        Insufficient: a compared group has one class, or one row in a class. Undefined: all scores equal.

    Examples
    --------
    >>> import numpy as np
    >>> found = auc_gap(
    ...     score=np.array([1.0, 2, 3, 4, 1, 2, 3, 4]),
    ...     label=np.array([False, False, True, True, False, True, False, True]),
    ...     protected=Columns.of(sex=["F"] * 4 + ["M"] * 4),
    ...     min_group_size=1,
    ... )
    >>> found.value
    0.25
    """
    same_length(score=score, label=label, weight=weight, count=count)
    mass = Mass.of(count, weight)
    values = finite_scores(score, count=mass.count)
    if values.min() == values.max():
        raise Unmeasurable(f"All {mass.total(len(values)):,} scores are equal: they rank nobody.")
    plan = Plan(
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        adjust=adjust,
    )
    method = "Mann-Whitney; DeLong, disjoint groups"
    if mass.weight is not None:
        method = "weighted Mann-Whitney; DeLong linearised by weights, disjoint groups"
    return largest_gap(Areas(values, label, mass), protected, attributes, plan, method)
