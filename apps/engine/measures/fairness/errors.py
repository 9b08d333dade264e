"""How errors differ between groups: equalised odds, error-rate and predictive-parity ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from apps.engine.columns import BoolArray, Columns, FloatArray, IntArray
from apps.engine.measures.fairness.cells import Mass
from apps.engine.measures.fairness.compare import Terms, method_of, worst_over
from apps.engine.measures.fairness.groups import Attributes, Floors
from apps.engine.measures.fairness.rates import confusion_rates
from apps.engine.measures.fairness.tables import Table, tables
from apps.engine.values import Measured


def equalized_odds_difference(
    *,
    predicted: BoolArray,
    label: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    interval: str = "wilson",
    adjust: str = "none",
) -> Measured:
    """The larger of the gaps in true-positive and false-positive rates between groups.

    ``max(max |TPR_g - TPR_r|, max |FPR_g - FPR_r|)``, in [0, 1], lower is better; the reference is found for
    each rate on its own.

    Returns
    -------
    Measured
        Undefined where a compared group lacks a class. The table ``rates`` has both rates of each group.

    References
    ----------
    Hardt, Price, Srebro (2016), NeurIPS 29.

    Examples
    --------
    >>> import numpy as np
    >>> found = equalized_odds_difference(
    ...     predicted=np.array([True, False, True, True]),
    ...     label=np.array([True, False, True, False]),
    ...     protected=Columns.of(sex=["F", "F", "M", "M"]),
    ...     min_group_size=1,
    ... )
    >>> found.value, found.parameters["worst_rate"]
    (1.0, 'fpr')
    """
    terms = Terms(
        kind="difference",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
    )
    mass = Mass.of(count, weight)
    found = tables(protected, attributes, mass, label=label, predicted=predicted)
    return _over_rates(found, ("tpr", "fpr"), terms)


def equalized_odds_ratio(
    *,
    predicted: BoolArray,
    label: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    interval: str = "wilson",
    adjust: str = "none",
) -> Measured:
    """The lower of the ratios of true-positive and of false-positive rates between groups.

    ``min(min TPR_g / TPR_r, min FPR_g / FPR_r)``, ratios above one taken as their inverse; in [0, 1],
    higher is better.

    Returns
    -------
    Measured
        Undefined where a compared group lacks a class or a reference rate is zero.

    References
    ----------
    Hardt, Price, Srebro (2016), NeurIPS 29.

    Examples
    --------
    >>> import numpy as np
    >>> found = equalized_odds_ratio(
    ...     predicted=np.array([True, True, False, True, True, True]),
    ...     label=np.array([True, False, False, True, False, False]),
    ...     protected=Columns.of(sex=["F", "F", "F", "M", "M", "M"]),
    ...     min_group_size=1,
    ... )
    >>> found.exact
    Fraction(1, 2)
    """
    terms = Terms(
        kind="ratio",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
        folded=True,
    )
    mass = Mass.of(count, weight)
    found = tables(protected, attributes, mass, label=label, predicted=predicted)
    return _over_rates(found, ("tpr", "fpr"), terms)


def error_rate_ratio(
    *,
    predicted: BoolArray,
    label: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
    rate: str = "fpr",
    attributes: Attributes | None = None,
    reference: str = "highest",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    interval: str = "wilson",
    adjust: str = "none",
) -> Measured:
    """The lowest ratio of one rate of the confusion matrix between a group and the reference.

    Ratios above one are taken as their inverse, so 1 is equality and lower is worse; in [0, 1], higher is
    better. Which group has the higher rate is in its row.

    Parameters
    ----------
    rate : str
        fpr, fnr, fdr, for, or any other rate of `fairness.group_rates`.

    Returns
    -------
    Measured
        Undefined where the rate of a compared group has denominator zero, or the higher rate is zero.

    Examples
    --------
    >>> import numpy as np
    >>> found = error_rate_ratio(
    ...     predicted=np.array([True, False, True, True]),
    ...     label=np.array([False] * 4),
    ...     protected=Columns.of(sex=["F", "F", "M", "M"]),
    ...     min_group_size=1,
    ... )
    >>> found.exact
    Fraction(1, 2)
    """
    terms = Terms(
        kind="ratio",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
        folded=True,
    )
    mass = Mass.of(count, weight)
    found = tables(protected, attributes, mass, label=label, predicted=predicted)
    return _over_rates(found, (rate,), terms)


def predictive_parity_ratio(
    *,
    predicted: BoolArray,
    label: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    interval: str = "wilson",
    adjust: str = "none",
) -> Measured:
    """The lowest ratio of positive predictive values between a group and the reference.

    ``PPV_g / PPV_r`` with ``PPV = tp / (tp + fp)``; above one taken as its inverse; in [0, 1], higher is
    better.

    Returns
    -------
    Measured
        Undefined where nobody of a compared group is predicted positive.

    References
    ----------
    Chouldechova (2017), Big Data 5, 153-163.

    Examples
    --------
    >>> import numpy as np
    >>> found = predictive_parity_ratio(
    ...     predicted=np.array([True] * 4),
    ...     label=np.array([True, False, True, True]),
    ...     protected=Columns.of(sex=["F", "F", "M", "M"]),
    ...     min_group_size=1,
    ... )
    >>> found.exact
    Fraction(1, 2)
    """
    terms = Terms(
        kind="ratio",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
        folded=True,
    )
    mass = Mass.of(count, weight)
    found = tables(protected, attributes, mass, label=label, predicted=predicted)
    return _over_rates(found, ("ppv",), terms)


def _over_rates(tables_found: Sequence[Table], rates: Sequence[str], terms: Terms) -> Measured:
    """The worst over several rates; the groups shown are those of the worst rate."""
    method = method_of(terms, tables_found)
    found = {
        rate: worst_over([(t, confusion_rates(t, rate)) for t in tables_found], terms, method=method)
        for rate in rates
    }
    rows = [row for rate, one in found.items() for row in _table(rate, one)]
    refused = [one for one in found.values() if one.status != "measured"]
    if refused:
        first = next((one for one in refused if one.status == "undefined"), refused[0])
        notes = list(dict.fromkeys(note for one in refused for note in one.notes))
        return replace(first, tables={"rates": rows}, notes=notes)
    worst = _worst_of(found, terms)
    return replace(worst, tables={"rates": rows}, notes=[*worst.notes, *one_class(tables_found[0])])


def _worst_of(found: Mapping[str, Measured], terms: Terms) -> Measured:
    pick = min if terms.kind == "ratio" else max
    name, worst = pick(found.items(), key=lambda item: item[1].exact or Fraction(0))
    ends = [one.interval for one in found.values() if one.interval is not None]
    return replace(
        worst,
        interval=_joined(ends, pick) if len(found) > 1 else worst.interval,
        parameters={**worst.parameters, "worst_rate": name},
    )


def one_class(table: Table) -> list[str]:
    """A sentence where a table of labels and predictions has one class of labels.

    Examples
    --------
    >>> import numpy as np
    >>> one_class(Table("g", ("a",), np.array([[0, 0, 2, 1]])))
    ['All 3 labels are positive: there is one class.']
    """
    cells = table.rows.sum(axis=0).tolist()
    negatives, positives = sum(cells[:2]), sum(cells[2:])
    if negatives and positives:
        return []
    which = "positive" if positives else "negative"
    return [f"All {negatives + positives:,} labels are {which}: there is one class."]


def _joined(ends: Sequence[Any], pick: Any) -> Any:
    highs = [high for _, high in ends if high is not None]
    return pick(low for low, _ in ends), pick(highs) if highs else None


def _table(rate: str, found: Measured) -> list[dict[str, Any]]:
    return [
        {
            "rate": rate,
            "attribute": g.attribute,
            "group": g.group,
            "n": g.n,
            "value": g.value,
            "ratio": g.ratio,
            "status": g.status,
        }
        for g in found.groups
    ]
