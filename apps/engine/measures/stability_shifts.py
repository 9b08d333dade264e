"""Whether features moved since the reference: one figure a column, the largest as value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from apps.engine.columns import Columns, FloatArray, IntArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import holm
from apps.engine.measures.drift import Sides, each_column, ks_p_value, moved, shed, spread_of
from apps.engine.measures.drift_bins import Cut, Rule, Sample, cells, chi_square, counted, index
from apps.engine.numeric import no_weights
from apps.engine.values import Measured
from apps.engine.weighed import Weighed

Row = dict[str, Any]


def csi(
    *,
    features: Columns,
    reference_features: Columns,
    weight: FloatArray | None = None,
    reference_weight: FloatArray | None = None,
    count: IntArray | None = None,
    reference_count: IntArray | None = None,
    columns: Sequence[str] | None = None,
    bins: Rule = "quantile",
    bins_wanted: int = 10,
    floor: float | None = 1e-4,
) -> Measured:
    """The largest population stability index over features (characteristic stability index).

    Numbers are binned by the reference as in `stability.psi`, levels of a category are its bins; missing
    values
    are a bin of their own where either data set has any. In [0, inf), lower is better.

    Parameters
    ----------
    weight, reference_weight, count, reference_count
        As for `stability.psi`.
    columns : list of str, optional
        Features looked at; by default all.
    bins : {"quantile", "width", "unique"} or list of float
        The bin rule for numbers, or the inner edges themselves.
    bins_wanted : int
        Bins wanted for ``quantile`` and ``width``.
    floor : float, optional
        Least share of a bin; 0.0001 by default, as new levels would make the index infinite.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows or no features. Undefined: an empty bin without a floor.

    References
    ----------
    Siddiqi (2006), Credit Risk Scorecards, ch. 9.

    Examples
    --------
    >>> old, new = Columns.of(x=[1.0] * 50 + [2.0] * 50), Columns.of(x=[1.0] * 25 + [2.0] * 75)
    >>> round(csi(features=new, reference_features=old, bins="unique").value, 6)
    0.274653
    """
    sides = Sides(
        now=features,
        then=reference_features,
        weight=weight,
        reference_weight=reference_weight,
        count=count,
        reference_count=reference_count,
    )
    cut = Cut(bins, bins_wanted)

    def one(now: Sample, then: Sample) -> Row:
        value, rows = index(cells(now, then, cut), floor)
        return {"csi": value, "bins_made": len(rows)}

    return _largest(sides, columns, one, Figure("csi", "PSI of each feature, natural logarithm"))


def ks_shift(
    *,
    features: Columns,
    reference_features: Columns,
    weight: FloatArray | None = None,
    reference_weight: FloatArray | None = None,
    count: IntArray | None = None,
    reference_count: IntArray | None = None,
    columns: Sequence[str] | None = None,
    adjust: str = "none",
) -> Measured:
    """The largest Kolmogorov-Smirnov distance between a numeric feature now and in the reference.

    ``max |F - G|``, in [0, 1], lower is better; missing values are left out and counted. P-values: exact
    up to 20,000 effective rows, above it the Kolmogorov limit with Stephens' correction. With weights the
    shares are those of the weight and the p-value takes Kish's effective sizes.

    Parameters
    ----------
    weight, reference_weight, count, reference_count
        As for `stability.psi`.
    columns : list of str, optional
        Features looked at; by default all numeric ones.
    adjust : {"none", "holm"}
        Whether the p-values of the features are adjusted.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows, or no numeric feature.

    References
    ----------
    Stephens (1970), Journal of the Royal Statistical Society B 32, 115-122.

    Examples
    --------
    >>> old, new = Columns.of(x=[1.0, 2.0, 3.0, 4.0]), Columns.of(x=[3.0, 4.0, 5.0, 6.0])
    >>> ks_shift(features=new, reference_features=old).exact
    Fraction(1, 2)
    """
    sides = Sides(
        now=features,
        then=reference_features,
        weight=weight,
        reference_weight=reference_weight,
        count=count,
        reference_count=reference_count,
    )

    def one(now: Sample, then: Sample) -> Row:
        found = moved(now, then)
        gap = float(found.gap)
        p = ks_p_value(gap, _size(now), _size(then))
        exact = None if isinstance(found.gap, float) else found.gap
        return {"ks": gap, "exact": exact, "at": found.at, "p_value": p, **_sizes(now, then)}

    return _largest(sides, columns, one, Figure("ks", "two-sample KS", numeric=True, adjust=adjust))


def wasserstein(
    *,
    features: Columns,
    reference_features: Columns,
    weight: FloatArray | None = None,
    reference_weight: FloatArray | None = None,
    count: IntArray | None = None,
    reference_count: IntArray | None = None,
    columns: Sequence[str] | None = None,
) -> Measured:
    """The largest Wasserstein-1 distance of a numeric feature, in standard deviations of the reference.

    ``∫ |F - G| / sd``, in [0, inf), lower is better; missing values are left out and counted.

    Parameters
    ----------
    weight, reference_weight, count, reference_count
        As for `stability.psi`.
    columns : list of str, optional
        Features looked at; by default all numeric ones.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows, or no numeric feature. Undefined: a reference feature without spread that
        moved; values too large to be summed.

    References
    ----------
    Ramdas, Garcia, Cuturi (2017), Entropy 19(2), 47.

    Examples
    --------
    >>> old, new = Columns.of(x=[0.0, 2.0]), Columns.of(x=[1.0, 3.0])
    >>> found = wasserstein(features=new, reference_features=old)
    >>> found.tables["features"][0]["distance"]
    1.0
    """
    sides = Sides(
        now=features,
        then=reference_features,
        weight=weight,
        reference_weight=reference_weight,
        count=count,
        reference_count=reference_count,
    )
    return _largest(sides, columns, _way, Figure("wasserstein", "exact merge, over the sd", numeric=True))


def _way(now: Sample, then: Sample) -> Row:
    distance, spread = moved(now, then).distance, spread_of(then)
    if spread == 0 and distance:
        raise Unmeasurable("all its reference values are equal, and it moved: no standard deviation.")
    if not (math.isfinite(distance) and math.isfinite(spread)):
        raise Unmeasurable("its values are too large to be summed in floating point.")
    return {
        "wasserstein": distance / spread if spread else 0.0,
        "distance": distance,
        "reference_sd": spread,
        **_sizes(now, then),
    }


def chi_square_shift(
    *,
    features: Columns,
    reference_features: Columns,
    weight: FloatArray | None = None,
    reference_weight: FloatArray | None = None,
    count: IntArray | None = None,
    reference_count: IntArray | None = None,
    columns: Sequence[str] | None = None,
    adjust: str = "none",
) -> Measured:
    """The largest Cramér's V between data set and level over categorical features.

    ``V = √(χ² / n)`` of the 2 x levels table, in [0, 1], lower is better; missing is a level. No continuity
    correction; the table shows χ², df, p-value and how many expected counts are below 5.

    Parameters
    ----------
    weight, reference_weight
        Refused where they differ between rows: the test rests on counts.
    count, reference_count, columns, adjust
        As for `ks_shift`.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows, or no categorical feature. Undefined: weights that differ.

    References
    ----------
    Cramér (1946), Mathematical Methods of Statistics, ch. 21.

    Examples
    --------
    >>> old, new = Columns.of(s=["a"] * 5 + ["b"] * 5), Columns.of(s=["a"] * 10)
    >>> round(chi_square_shift(features=new, reference_features=old).value, 6)
    0.57735
    """
    no_weights(weight, "stability.chi_square_shift")
    no_weights(reference_weight, "stability.chi_square_shift")
    sides = Sides(now=features, then=reference_features, count=count, reference_count=reference_count)

    def one(now: Sample, then: Sample) -> Row:
        return chi_square(cells(now, then, Cut()))

    figure = Figure("cramers_v", "Pearson chi-square, no correction", numeric=False, adjust=adjust)
    return _largest(sides, columns, one, figure)


def missing_rate_shift(
    *,
    features: Columns,
    reference_features: Columns,
    weight: FloatArray | None = None,
    reference_weight: FloatArray | None = None,
    count: IntArray | None = None,
    reference_count: IntArray | None = None,
    columns: Sequence[str] | None = None,
) -> Measured:
    """The largest change of a feature's share of missing values, in points.

    ``|missing now - missing then|``, in [0, 1], lower is better; exact.

    Parameters
    ----------
    weight, reference_weight, count, reference_count
        As for `stability.psi`; with weights the shares are those of the weight.
    columns : list of str, optional
        Features looked at; by default all.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows or no features.

    Examples
    --------
    >>> old, new = Columns.of(x=[1.0, 2.0]), Columns.of(x=[1.0, None])
    >>> missing_rate_shift(features=new, reference_features=old).value
    0.5
    """
    sides = Sides(
        now=features,
        then=reference_features,
        weight=weight,
        reference_weight=reference_weight,
        count=count,
        reference_count=reference_count,
    )

    def one(now: Sample, then: Sample) -> Row:
        new, old = _blank_share(now), _blank_share(then)
        return {"missing_rate_shift": abs(new - old), "share": new, "reference_share": old}

    return _largest(sides, columns, one, Figure("missing_rate_shift", "counts"))


def _blank_share(sample: Sample) -> float:
    if isinstance(sample, Weighed):
        return sample.blank_share
    return sample.missing / sample.rows


def _size(sample: Sample) -> float:
    """Finite values; with weights rows that would say as much if they weighed the same (Kish)."""
    return sample.size if isinstance(sample, Weighed) else float(sample.finite().n)


def _sizes(now: Sample, then: Sample) -> Row:
    return {"n": counted(now).finite().n, "reference_n": counted(then).finite().n}


@dataclass(frozen=True, slots=True)
class Figure:
    """What is compared: the key of its figure, how it is found, for which features, with which p-values."""

    key: str
    method: str
    numeric: bool | None = None
    adjust: str = "none"


def _largest(
    sides: Sides, names: Sequence[str] | None, one: Callable[[Sample, Sample], Row], figure: Figure
) -> Measured:
    """The largest figure over features, with a row for each and p-values adjusted where asked."""
    chosen = _chosen(sides, names, figure.numeric)

    def row_of(named: tuple[str, tuple[Sample, Sample]]) -> Row:
        name, pair = named
        try:
            return {"feature": name, **one(*pair)}
        except Unmeasurable as problem:
            raise Unmeasurable(f'Feature "{name}": {problem}', status=problem.status) from problem
        finally:
            shed(*pair)

    n, reference_rows = sides.rows()
    named_pairs = list(zip(chosen, sides.samples(chosen), strict=True))
    rows = each_column(row_of, named_pairs, max(sides.now.rows, sides.then.rows))
    if "p_value" in rows[0]:
        p_values = [row["p_value"] for row in rows]
        adjusted = holm(p_values) if figure.adjust == "holm" else p_values
        rows = [{**row, "p_adjusted": p} for row, p in zip(rows, adjusted, strict=True)]
    worst = max(rows, key=lambda row: float(row[figure.key]))
    return Measured(
        value=worst[figure.key],
        exact=worst.get("exact"),
        n=n,
        method=figure.method,
        parameters={"worst": worst["feature"], "features": len(rows), "reference_rows": reference_rows},
        tables={"features": [{k: v for k, v in row.items() if k != "exact"} for row in rows]},
        notes=_changed_kind(sides, names) if figure.numeric else (),
    )


def _changed_kind(sides: Sides, names: Sequence[str] | None) -> list[str]:
    """What is not compared as numbers, because one data set holds something else."""
    kinds = {name: (sides.now[name].kind, sides.then[name].kind) for name in names or sides.now}
    changed = sorted(name for name, pair in kinds.items() if pair[0] != pair[1] and "number" in pair)
    return [
        f'Feature "{name}" is not compared: it holds numbers in '
        f"{'the data' if kinds[name][0] == 'number' else 'the reference'} alone."
        for name in changed[:20]
    ]


def _chosen(sides: Sides, names: Sequence[str] | None, numeric: bool | None) -> list[str]:
    features, reference = sides.now, sides.then
    if not all(sides.rows()):
        raise Unmeasurable("There are no rows in one of the data sets.", status="insufficient")
    for name in names or features:
        for table, said in ((features, "data"), (reference, "reference data")):
            if name not in table:
                raise BadInput(f'The {said} have no feature "{name}".')
    wanted = list(dict.fromkeys(names or features))
    if numeric is not None:
        wanted = [n for n in wanted if (features[n].kind == reference[n].kind == "number") == numeric]
    if not wanted:
        kind = "" if numeric is None else "numeric " if numeric else "categorical "
        raise Unmeasurable(f"There is no {kind}feature to compare.", status="insufficient")
    return sorted(wanted)
