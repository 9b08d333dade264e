"""Who receives the favourable decision: selection rates and equal opportunity."""

from __future__ import annotations

from apps.engine.columns import BoolArray, Columns, FloatArray, IntArray
from apps.engine.measures.fairness.cells import Mass
from apps.engine.measures.fairness.compare import Terms, method_of, worst_over
from apps.engine.measures.fairness.groups import Attributes, Floors
from apps.engine.measures.fairness.rate import rates_of
from apps.engine.measures.fairness.tables import Table, tables
from apps.engine.values import Measured


def selection_rate_ratio(
    *,
    selected: BoolArray,
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
    terms = Terms(
        kind="ratio",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
    )
    return _selection(tables(protected, attributes, Mass.of(count, weight), selected=selected), terms)


def selection_rate_difference(
    *,
    selected: BoolArray,
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
    terms = Terms(
        kind="difference",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
    )
    return _selection(tables(protected, attributes, Mass.of(count, weight), selected=selected), terms)


def _selection(found: list[Table], terms: Terms) -> Measured:
    given = [(table, rates_of(table, (1,), (0, 1), ("selected", "n"))) for table in found]
    return worst_over(given, terms, method=method_of(terms, found))


def equal_opportunity_difference(
    *,
    selected: BoolArray,
    deserving: BoolArray,
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
    terms = Terms(
        kind="difference",
        reference=reference,
        floors=Floors(min_group_size, min_group_share),
        confidence=confidence,
        interval=interval,
        adjust=adjust,
    )
    mass = Mass.of(count, weight)
    found = tables(protected, attributes, mass, deserving=deserving, selected=selected)
    named = ("selected_deserving", "deserving")
    given = [(table, rates_of(table, (3,), (2, 3), named)) for table in found]
    return worst_over(given, terms, method=method_of(terms, found))
