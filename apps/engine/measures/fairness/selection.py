"""Who receives the favourable decision: selection rates and equal opportunity."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.measures.fairness.compare import Kind, Rate, Terms, worst_over
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition, partitions
from apps.engine.numeric import same_length, weighted_counts, weights_or_none
from apps.engine.values import Measured


def rates_among(
    part: Partition,
    event: BoolArray,
    among: BoolArray | None,
    named: tuple[str, str],
    weight: FloatArray | None = None,
) -> list[Rate]:
    """For each group, rows (or weights) with the event out of those in `among` (None: all).

    Examples
    --------
    >>> import numpy as np
    >>> both = Columns.of(sex=["F", "M", "F"])
    >>> rates_among(partitions(both, None)[0], np.array([True, True, False]), None, ("selected", "n"))[0].part
    1
    """
    if weight is not None:
        return _weighted_rates(part, event, np.ones_like(event) if among is None else among, named, weight)
    if among is None:
        counted = part.counts(event)
        return [Rate(int(c[1]), int(c.sum()), int(c.sum()), named) for c in counted]
    counted = part.counts(among, event)
    return [Rate(int(c[1, 1]), int(c[1].sum()), int(c.sum()), named) for c in counted]


def _weighted_rates(
    part: Partition, event: BoolArray, among: BoolArray, named: tuple[str, str], weight: FloatArray
) -> list[Rate]:
    """Rates of weights, exact: sums of weights are multiples of one power of two."""
    cells = part.counts(among, event)
    count = 4 * len(part.levels)
    sums, squares = weighted_counts(part.codes * 4 + among * 2 + event, weight, count)
    held = [Fraction(s) for s in sums.tolist()]
    unit = max(one.denominator for one in held)
    found = []
    for k, c in enumerate(cells):
        no, yes = held[4 * k + 2], held[4 * k + 3]
        square = float(squares[4 * k + 2] + squares[4 * k + 3])
        rows = (int(c[1, 1]), int(c[1].sum()))
        effective = float(no + yes) ** 2 / square if square else None
        found.append(Rate(int(yes * unit), int((no + yes) * unit), int(c.sum()), named, rows, effective))
    return found


def selection_rate_ratio(
    *,
    selected: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    interval: str = "wilson",
    adjust: str = "none",
) -> Measured:
    """The lowest ratio of a group's selection rate to the reference group's (impact ratio).

    ``(selected_g / n_g) / (selected_r / n_r)``, in [0, 1] against the highest group, otherwise [0, inf);
    higher is better. Selected means: received the favourable decision. The ratio is exact (`exact`).

    Parameters
    ----------
    selected : bool array (n,)
        True where the decision is favourable for the person.
    protected : Columns
        Attributes to group by.
    attributes : list, optional
        Names, or lists of names for intersections; by default every protected attribute alone.
    reference : str
        ``highest``, ``largest``, ``overall`` or a group's name.
    min_group_size, min_group_share : int, float
        Smaller groups are shown and not compared.
    weight : float array (n,), optional
        Row weights: rates are shares of weight, and intervals take Kish's effective size
        ``(Σ w)² / Σ w²`` for the number of rows. Equal weights change nothing; floors count rows.
    interval : {"wilson", "clopper_pearson", "jeffreys"}
        For each group's rate; ratios have Katz's log interval.
    adjust : {"none", "holm"}
        With ``holm`` the ratio intervals hold together.

    Returns
    -------
    Measured
        Status insufficient with fewer than two groups, undefined where the reference rate is 0.

    References
    ----------
    29 CFR 1607.4(D); Katz, Baptista, Azen, Pike (1978), Biometrics 34, 469-474. Kish (1965), Survey
    Sampling, sec. 11.7.

    Examples
    --------
    >>> import numpy as np
    >>> chosen = np.array([True] * 4 + [False] * 6 + [True] * 5 + [False] * 5)
    >>> sexes = Columns.of(sex=["F"] * 10 + ["M"] * 10)
    >>> found = selection_rate_ratio(selected=chosen, protected=sexes, min_group_size=5)
    >>> found.exact, found.parameters["reference_groups"]
    (Fraction(4, 5), {'sex': 'M'})
    """
    weights = weights_or_none(weight)
    terms = Terms(
        kind="ratio",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
    )
    return _selection(selected, protected, attributes, terms, weights)


def selection_rate_difference(
    *,
    selected: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    interval: str = "wilson",
    adjust: str = "none",
) -> Measured:
    """The largest distance between a group's selection rate and the reference group's.

    ``|selected_g / n_g - selected_r / n_r|``, in [0, 1], lower is better (demographic parity
    difference). Arguments and results as for `selection_rate_ratio`; intervals of differences are Newcombe's.

    Raises
    ------
    BadInput
        An attribute that the data lack, or weights that differ.

    Examples
    --------
    >>> import numpy as np
    >>> chosen = np.array([True] * 4 + [False] * 6 + [True] * 5 + [False] * 5)
    >>> sexes = Columns.of(sex=["F"] * 10 + ["M"] * 10)
    >>> selection_rate_difference(selected=chosen, protected=sexes, min_group_size=5).exact
    Fraction(1, 10)
    """
    weights = weights_or_none(weight)
    terms = Terms(
        kind="difference",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
    )
    return _selection(selected, protected, attributes, terms, weights)


def _selection(
    selected: BoolArray,
    protected: Columns,
    attributes: Attributes | None,
    terms: Terms,
    weights: FloatArray | None,
) -> Measured:
    parts = partitions(protected, attributes)
    same_length(weight=weights, selected=selected, protected=parts[0].codes)
    return worst_over(
        parts,
        lambda part: rates_among(part, selected, None, ("selected", "n"), weights),
        terms,
        method=f"{_source(weights)}; rates: {terms.interval}; {_METHODS[terms.kind]}",
    )


def _source(weights: FloatArray | None) -> str:
    return "counts" if weights is None else "sums of weights, intervals on Kish's effective size"


_METHODS: dict[Kind, str] = {"ratio": "ratios: Katz log", "difference": "differences: Newcombe"}


def equal_opportunity_difference(
    *,
    selected: BoolArray,
    deserving: BoolArray,
    protected: Columns,
    weight: FloatArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    confidence: float = 0.95,
    interval: str = "wilson",
    adjust: str = "none",
) -> Measured:
    """The largest gap in favourable decisions among those who deserve them.

    ``|P(selected | deserving, g) - P(selected | deserving, r)|``, in [0, 1], lower is better. Deserving
    means: the outcome is the favourable one. Where the favourable outcome is the positive class this is the
    gap of true-positive rates, otherwise of true-negative rates.

    Parameters
    ----------
    selected, deserving : bool arrays (n,)
        Favourable decision, favourable outcome.
    attributes, reference, min_group_size, min_group_share, confidence, interval, adjust
        As for `selection_rate_ratio`. The floors count the group's rows.

    Returns
    -------
    Measured
        Undefined where a group that is compared has nobody deserving.

    References
    ----------
    Hardt, Price, Srebro (2016), NeurIPS 29. Newcombe (1998), Statistics in Medicine 17, 873-890.

    Examples
    --------
    >>> import numpy as np
    >>> chosen = np.array([True, True, False, True, False, False])
    >>> worthy = np.array([True, True, False, True, True, False])
    >>> sexes = Columns.of(sex=["F", "F", "F", "M", "M", "M"])
    >>> equal_opportunity_difference(
    ...     selected=chosen, deserving=worthy, protected=sexes, min_group_size=1
    ... ).exact
    Fraction(1, 2)
    """
    weights = weights_or_none(weight)
    parts = partitions(protected, attributes)
    same_length(weight=weights, selected=selected, deserving=deserving, protected=parts[0].codes)
    terms = Terms(
        kind="difference",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
    )
    return worst_over(
        parts,
        lambda part: rates_among(part, selected, deserving, ("selected_deserving", "deserving"), weights),
        terms,
        method=f"{_source(weights)}; rates: {interval}; differences: Newcombe",
    )
