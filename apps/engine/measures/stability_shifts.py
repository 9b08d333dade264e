"""Whether features and scores moved since the reference: one figure a column, the largest as value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import kolmogorov

from apps.engine.columns import MISSING, Column, Columns, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import holm
from apps.engine.measures.bins import counts_between, cut_points
from apps.engine.measures.ranking import largest_gap
from apps.engine.measures.stability import index
from apps.engine.numeric import Ints, stable_variance
from apps.engine.values import Measured

_FEW = 20_000
Row = dict[str, Any]


def csi(
    *,
    features: Columns,
    reference_features: Columns,
    columns: Sequence[str] | None = None,
    bins: str = "quantile",
    count: int = 10,
    floor: float | None = 1e-4,
) -> Measured:
    """The largest population stability index over features (characteristic stability index).

    Numbers are binned by the reference as in `stability.psi`, levels of a category are its bins; missing
    values
    are a bin of their own where either data set has any. In [0, inf), lower is better.

    Parameters
    ----------
    columns : list of str, optional
        Features looked at; by default all.
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
    >>> old, new = Columns.of(x=np.repeat([1.0, 2.0], 50)), Columns.of(x=np.repeat([1.0, 2.0], [25, 75]))
    >>> round(csi(features=new, reference_features=old, bins="unique").value, 6)
    0.274653
    """

    def one(now: Column, then: Column) -> Row:
        expected, actual, names = both_counts(now, then, bins, count)
        value, _ = index(expected, actual, floor=floor, names=names)
        return {"csi": value, "bins_made": len(names)}

    return _largest(
        features, reference_features, columns, one, "csi", "PSI of each feature, natural logarithm"
    )


def both_counts(now: Column, then: Column, bins: str, count: int) -> tuple[Ints, Ints, list[str]]:
    """Counts of both columns over the same bins; missing last where there is any."""
    if now.kind != "number" or then.kind != "number":
        return level_counts(now, then)
    new, old = now.numbers(), then.numbers()
    new_sorted, old_sorted = np.sort(new[~np.isnan(new)]), np.sort(old[~np.isnan(old)])
    edges = cut_points(old_sorted, bins, count) if len(old_sorted) else np.zeros(0)
    expected, actual = counts_between(old_sorted, edges), counts_between(new_sorted, edges)
    names = [f"bin {k + 1}" for k in range(len(expected))]
    blanks = len(old) - len(old_sorted), len(new) - len(new_sorted)
    if any(blanks):
        expected, actual = np.append(expected, blanks[0]), np.append(actual, blanks[1])
        names.append(MISSING)
    return expected, actual, names


def level_counts(now: Column, then: Column) -> tuple[Ints, Ints, list[str]]:
    """Counts of both columns over the levels of either, sorted; reference first."""
    new, old = now.coded(), then.coded()
    names = sorted({*new.levels, *old.levels})
    place = {name: k for k, name in enumerate(names)}
    counted = []
    for coded in (old, new):
        lookup = np.array([place[level] for level in coded.levels], dtype=np.intp)
        counted.append(np.bincount(lookup[coded.codes], minlength=len(names)))
    return counted[0], counted[1], names


def ks_shift(
    *,
    features: Columns,
    reference_features: Columns,
    columns: Sequence[str] | None = None,
    adjust: str = "none",
) -> Measured:
    """The largest Kolmogorov-Smirnov distance between a numeric feature now and in the reference.

    ``max |F - G|``, in [0, 1], lower is better; missing values are left out and counted. P-values: exact
    up to
    20,000 effective rows, above it the Kolmogorov limit with Stephens' correction.

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

    def one(now: Column, then: Column) -> Row:
        new, old = _known(now), _known(then)
        values = np.unique(np.concatenate((new, old)))
        below = [np.searchsorted(np.sort(x), values, side="right").astype(np.int64) for x in (new, old)]
        gap, place = largest_gap(below[0], len(new), below[1], len(old))
        p = ks_p_value(float(gap), len(new), len(old))
        return {"ks": float(gap), "exact": gap, "at": float(values[place]), "p_value": p, **_sizes(now, then)}

    return _largest(
        features, reference_features, columns, one, "ks", "two-sample KS", numeric=True, adjust=adjust
    )


def ks_p_value(gap: float, n: int, m: int) -> float:
    """The two-sided p-value of a KS distance of samples of n and m rows."""
    effective = n * m / (n + m)
    if effective <= _FEW:
        return float(stats.kstwo.sf(gap, round(effective)))
    root = math.sqrt(effective)
    return float(kolmogorov(gap * (root + 0.12 + 0.11 / root)))


def wasserstein(
    *, features: Columns, reference_features: Columns, columns: Sequence[str] | None = None
) -> Measured:
    """The largest Wasserstein-1 distance of a numeric feature, in standard deviations of the reference.

    ``∫ |F - G| / sd``, in [0, inf), lower is better; missing values are left out and counted.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows, or no numeric feature. Undefined: a reference feature without spread that
        moved.

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

    def one(now: Column, then: Column) -> Row:
        new, old = np.sort(_known(now)), np.sort(_known(then))
        values = np.unique(np.concatenate((new, old)))
        f, g = (np.searchsorted(x, values[:-1], side="right") / len(x) for x in (new, old))
        distance = math.fsum((np.abs(f - g) * np.diff(values)).tolist())
        spread = math.sqrt(stable_variance(old))
        if spread == 0 and distance:
            raise Unmeasurable("all its reference values are equal, and it moved: no standard deviation")
        return {
            "wasserstein": distance / spread if spread else 0.0,
            "distance": distance,
            "reference_sd": spread,
            **_sizes(now, then),
        }

    return _largest(
        features, reference_features, columns, one, "wasserstein", "exact merge, over the sd", numeric=True
    )


def chi_square_shift(
    *,
    features: Columns,
    reference_features: Columns,
    columns: Sequence[str] | None = None,
    adjust: str = "none",
) -> Measured:
    """The largest Cramér's V between data set and level over categorical features.

    ``V = √(χ² / n)`` of the 2 x levels table, in [0, 1], lower is better; missing is a level. No continuity
    correction; the table shows χ², df, p-value and how many expected counts are below 5.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows, or no categorical feature.

    References
    ----------
    Cramér (1946), Mathematical Methods of Statistics, ch. 21.

    Examples
    --------
    >>> old, new = Columns.of(s=["a"] * 5 + ["b"] * 5), Columns.of(s=["a"] * 10)
    >>> round(chi_square_shift(features=new, reference_features=old).value, 6)
    0.57735
    """

    def one(now: Column, then: Column) -> Row:
        expected, actual, names = level_counts(now, then)
        n, m = int(expected.sum()), int(actual.sum())
        pooled = (expected + actual) / (n + m)
        parts = [(expected - n * pooled) ** 2 / (n * pooled), (actual - m * pooled) ** 2 / (m * pooled)]
        statistic = math.fsum(np.concatenate(parts).tolist())
        df = len(names) - 1
        return {
            "cramers_v": math.sqrt(statistic / (n + m)),
            "statistic": statistic,
            "df": df,
            "p_value": float(stats.chi2.sf(statistic, df)) if df else 1.0,
            "expected_below_5": int((n * pooled < 5).sum() + (m * pooled < 5).sum()),
        }

    return _largest(
        features,
        reference_features,
        columns,
        one,
        "cramers_v",
        "Pearson chi-square, no correction",
        numeric=False,
        adjust=adjust,
    )


def missing_rate_shift(
    *, features: Columns, reference_features: Columns, columns: Sequence[str] | None = None
) -> Measured:
    """The largest change of a feature's share of missing values, in points.

    ``|missing now - missing then|``, in [0, 1], lower is better; exact.

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

    def one(now: Column, then: Column) -> Row:
        new, old = float(now.missing().mean()), float(then.missing().mean())
        return {"missing_rate_shift": abs(new - old), "share": new, "reference_share": old}

    return _largest(features, reference_features, columns, one, "missing_rate_shift", "counts")


def _known(column: Column) -> FloatArray:
    values = column.numbers()
    found: FloatArray = values[np.isfinite(values)]
    if not len(found):
        raise Unmeasurable("it has no value in one of the data sets")
    return found


def _sizes(now: Column, then: Column) -> Row:
    return {"n": len(_known(now)), "reference_n": len(_known(then))}


def _largest(
    features: Columns,
    reference: Columns,
    names: Sequence[str] | None,
    one: Callable[[Column, Column], Row],
    key: str,
    method: str,
    *,
    numeric: bool | None = None,
    adjust: str = "none",
) -> Measured:
    """The largest figure over features, with a row for each and p-values adjusted where asked."""
    chosen = _chosen(features, reference, names, numeric)
    rows = []
    for name in chosen:
        try:
            rows.append({"feature": name, **one(features[name], reference[name])})
        except Unmeasurable as problem:
            raise Unmeasurable(f'Feature "{name}": {problem}', status=problem.status) from problem
    if rows and "p_value" in rows[0]:
        p_values = [row["p_value"] for row in rows]
        adjusted = holm(p_values) if adjust == "holm" else p_values
        rows = [{**row, "p_adjusted": p} for row, p in zip(rows, adjusted, strict=True)]
    worst = max(rows, key=lambda row: row[key])
    return Measured(
        value=worst[key],
        exact=worst.get("exact"),
        n=features.rows,
        method=method,
        parameters={"worst": worst["feature"], "features": len(rows), "reference_rows": reference.rows},
        tables={"features": [{k: v for k, v in row.items() if k != "exact"} for row in rows]},
    )


def _chosen(
    features: Columns, reference: Columns, names: Sequence[str] | None, numeric: bool | None
) -> list[str]:
    if not features.rows or not reference.rows:
        raise Unmeasurable("There are no rows in one of the data sets.", status="insufficient")
    for name in names or features:
        for table, said in ((features, "data"), (reference, "reference data")):
            if name not in table:
                raise BadInput(f'The {said} have no feature "{name}".')
    wanted = list(names or features)
    if numeric is not None:
        wanted = [n for n in wanted if (features[n].kind == reference[n].kind == "number") == numeric]
    if not wanted:
        kind = "" if numeric is None else "numeric " if numeric else "categorical "
        raise Unmeasurable(f"There is no {kind}feature to compare.", status="insufficient")
    return sorted(wanted)
