"""Whether the data look like the population they stand for, and which values lie far out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import stats

from apps.engine.columns import Column, Columns, FloatArray, level_text
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import holm, wilson
from apps.engine.measures.stability_shifts import both_counts
from apps.engine.numeric import Ints
from apps.engine.resample import generator
from apps.engine.values import Measured

DRAWS = 1000


def representativeness(
    *,
    columns: Columns,
    reference_columns: Columns | None = None,
    features: Columns | None = None,
    protected: Columns | None = None,
    seed: int = 0,
    over: Sequence[str] | None = None,
    expected: Mapping[str, Mapping[str, float]] | None = None,
    count: int = 10,
    adjust: str = "none",
    confidence: float = 0.95,
) -> Measured:
    """The largest total variation distance of a column from the population that the data stand for.

    ``½ Σ |a_k - e_k|`` over levels, or over bins cut from the reference for numbers; in [0, 1], lower is
    better: the share of rows that would have to be others. The population is `expected` where it names the
    column, otherwise the reference data set. Missing is a level where there is any.

    Parameters
    ----------
    over : list of str, optional
        Columns compared; by default those of `expected`, or else the protected attributes and features.
    expected : mapping, optional
        From column to level to share; the shares of a column must sum to 1.
    count : int
        Quantile bins wanted for numbers.
    adjust : {"none", "holm"}
        Whether the chi-square p-values of the columns are adjusted.

    Returns
    -------
    Measured
        The table ``columns`` has distance, interval, the distance expected by chance alone, and the
        chi-square test; ``levels`` the shares of the worst column.

    References
    ----------
    Gibbs, Su (2002), On choosing and bounding probability metrics, International Statistical Review 70.

    Examples
    --------
    >>> table = Columns.of(sex=["F"] * 30 + ["M"] * 70)
    >>> found = representativeness(columns=table, expected={"sex": {"F": 0.5, "M": 0.5}})
    >>> round(found.value, 12)
    0.2
    """
    names = _over(columns, reference_columns, features, protected, over, expected or {})
    rows, levels = [], {}
    for name in names:
        actual, shares, size, labels = _both(name, columns, reference_columns, expected or {}, count)
        rows.append({"column": name, **_distance(actual, shares, size, seed, confidence)})
        levels[name] = _levels(labels, actual, shares)
    p_values = [row["p_value"] for row in rows]
    adjusted = holm(p_values) if adjust == "holm" else p_values
    rows = [{**row, "p_adjusted": p} for row, p in zip(rows, adjusted, strict=True)]
    worst = max(rows, key=lambda row: row["distance"])
    return Measured(
        value=worst["distance"],
        n=columns.rows,
        interval=(max(row["low"] for row in rows), max(row["high"] for row in rows)),
        confidence=confidence,
        method="total variation of shares; bootstrap of the counts, percentiles moved by the bias",
        parameters={"worst": worst["column"], "columns_compared": len(rows)},
        tables={"columns": rows, "levels": levels[worst["column"]]},
    )


def _over(
    columns: Columns,
    reference: Columns | None,
    features: Columns | None,
    protected: Columns | None,
    over: Sequence[str] | None,
    expected: Mapping[str, Any],
) -> list[str]:
    if not columns.rows:
        raise Unmeasurable("There are no rows.", status="insufficient")
    names = list(over or expected or dict.fromkeys((*(protected or ()), *(features or ()))))
    if not names:
        raise Unmeasurable("There is no column to compare.", status="insufficient")
    if any(name not in expected for name in names) and (reference is None or not reference.rows):
        raise Unmeasurable(
            "There is no population to compare with: no reference data with rows, and no expected shares.",
            status="insufficient",
        )
    for name in names:
        for table in (columns, reference):
            if table is not None and name not in table and name not in expected:
                raise BadInput(f'One of the data sets has no column "{name}".')
        if name not in columns:
            raise BadInput(f'The data have no column "{name}".')
    return names


def _both(
    name: str,
    columns: Columns,
    reference: Columns | None,
    expected: Mapping[str, Mapping[str, float]],
    count: int,
) -> tuple[Ints, FloatArray, int | None, list[str]]:
    """Counts, the population's shares, its rows (None: known exactly) and the levels."""
    if name in expected or reference is None:
        return _declared(name, columns[name], expected[name])
    then, now, labels = both_counts(columns[name], reference[name], "quantile", count)
    return now, then / then.sum(), int(then.sum()), labels


def _declared(
    name: str, column: Column, given: Mapping[str, float]
) -> tuple[Ints, FloatArray, None, list[str]]:
    shares = {level_text(level): share for level, share in given.items()}
    good = all(isinstance(s, (int, float)) and not isinstance(s, bool) and s >= 0 for s in shares.values())
    if not good or abs(math.fsum(shares.values()) - 1) > 1e-6:
        raise BadInput(f'The expected shares of "{name}" must be numbers of at least 0 that sum to 1.')
    coded = column.coded()
    labels = sorted({*coded.levels, *shares})
    lookup = np.array([labels.index(level) for level in coded.levels], dtype=np.intp)
    counts = np.bincount(lookup[coded.codes], minlength=len(labels))
    return counts, np.array([float(shares.get(label, 0.0)) for label in labels]), None, labels


def _distance(
    actual: Ints, shares: FloatArray, size: int | None, seed: int, confidence: float
) -> dict[str, Any]:
    """Distance, interval, what chance alone would give, and the chi-square test."""
    n = int(actual.sum())
    value = float(np.abs(actual / n - shares).sum() / 2)
    source = generator(seed)
    drawn = source.multinomial(n, actual / n, DRAWS) / n
    then = shares if size is None else source.multinomial(size, shares, DRAWS) / size
    found = np.abs(drawn - then).sum(axis=1) / 2
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail], method="linear") - (float(found.mean()) - value)
    return {
        "distance": value,
        "low": min(1.0, max(0.0, float(low))),
        "high": min(1.0, max(0.0, float(high))),
        "by_chance": _by_chance(actual, shares, size),
        **_chi_square(actual, shares, size),
    }


def _by_chance(actual: Ints, shares: FloatArray, size: int | None) -> float:
    """The distance to expect without any difference: ½ Σ √(2 v_k / π), v_k the variance of a gap."""
    n = int(actual.sum())
    pooled = shares if size is None else (actual + shares * size) / (n + size)
    variance = pooled * (1 - pooled) * (1 / n + (0 if size is None else 1 / size))
    return min(1.0, float(np.sqrt(2 * variance / math.pi).sum() / 2))


def _chi_square(actual: Ints, shares: FloatArray, size: int | None) -> dict[str, Any]:
    """Pearson's statistic: goodness of fit to known shares, homogeneity against a sample."""
    n = int(actual.sum())
    if size is None:
        if (actual[shares == 0] > 0).any():
            return {"statistic": None, "df": int((shares > 0).sum()) - 1, "p_value": 0.0}
        kept = shares > 0
        statistic = float(((actual - n * shares)[kept] ** 2 / (n * shares[kept])).sum())
        df = int(kept.sum()) - 1
    else:
        then = np.rint(shares * size)
        pooled = (actual + then) / (n + size)
        kept = pooled > 0
        parts = (actual - n * pooled) ** 2 / n + (then - size * pooled) ** 2 / size
        statistic, df = float((parts[kept] / pooled[kept]).sum()), int(kept.sum()) - 1
    return {"statistic": statistic, "df": df, "p_value": float(stats.chi2.sf(statistic, df)) if df else 1.0}


def _levels(labels: Sequence[str], actual: Ints, shares: FloatArray) -> list[dict[str, Any]]:
    n = int(actual.sum())
    return [
        {"level": label, "n": int(a), "share": float(a / n), "expected_share": float(e)}
        for label, a, e in zip(labels, actual, shares, strict=True)
    ]


def outliers(
    *,
    features: Columns,
    reference_features: Columns | None = None,
    over: Sequence[str] | None = None,
    rule: str = "iqr",
    width: float = 3.0,
    confidence: float = 0.95,
) -> Measured:
    """The largest share of values of a numeric feature that lie far outside the reference's spread.

    ``iqr``: below q1 - width (q3 - q1) or above q3 + width (q3 - q1), Tukey's fences. ``mad``: further
    than width x 1.4826 x median |x - median| from the median. In [0, 1], lower is better. Fences come from
    the reference data set, without one from the data themselves; quantiles interpolate linearly. An infinite
    value always lies outside; missing values are left out.

    Parameters
    ----------
    over : list of str, optional
        Features looked at; by default all numeric ones.
    rule : {"iqr", "mad"}
        How the fences are drawn.
    width : float
        Their distance; 1.5 is Tukey's inner fence, 3 the outer one.

    Raises
    ------
    Unmeasurable
        Insufficient: no rows or no numeric feature. Undefined: no feature has a spread.

    References
    ----------
    Tukey (1977), Exploratory Data Analysis, ch. 2. Leys et al. (2013), J. Exp. Social Psychology 49, 764-766.

    Examples
    --------
    >>> table = Columns.of(x=[1.0, 2.0, 3.0, 4.0, 100.0])
    >>> found = outliers(features=table)
    >>> found.exact, found.tables["features"][0]["upper"]
    (Fraction(1, 5), 10.0)
    """
    names = _numeric(features, reference_features, over)
    held = reference_features if reference_features is not None else features
    rows = [_fenced(features[name], held[name], rule, width, confidence) for name in names]
    defined = [row for row in rows if row["share"] is not None]
    if not defined:
        raise Unmeasurable(
            f"No feature has a spread by the rule {rule}, so nothing lies outside it: {', '.join(names)}."
        )
    worst = max(defined, key=lambda row: Fraction(row["outside"], row["n"]))
    share = Fraction(worst["outside"], worst["n"])
    anywhere = np.zeros(features.rows, dtype=bool)
    for row in defined:
        anywhere |= _outside(features[row["feature"]].numbers(), row["lower"], row["upper"])
    flat = [str(row["feature"]) for row in rows if row["share"] is None]
    return Measured(
        value=float(share),
        exact=share,
        n=features.rows,
        interval=(max(row["low"] for row in defined), max(row["high"] for row in defined)),
        confidence=confidence,
        method=f"fences by {rule}; Wilson, fences taken as given",
        parameters={
            "worst": worst["feature"],
            "features": len(names),
            "fences_from": "data" if reference_features is None else "reference",
            "rows_with_any": int(anywhere.sum()),
        },
        tables={"features": rows},
        notes=[f"No spread by this rule, not judged: {', '.join(flat)}."] if flat else [],
    )


def _numeric(features: Columns, reference: Columns | None, over: Sequence[str] | None) -> list[str]:
    if not features.rows or (reference is not None and not reference.rows):
        raise Unmeasurable("There are no rows in one of the data sets.", status="insufficient")
    for name in over or ():
        if name not in features:
            raise BadInput(f'There is no feature "{name}".')
        if features[name].kind != "number":
            raise BadInput(f'Feature "{name}" holds no numbers, so it has no outliers.')
    tables = [features] if reference is None else [features, reference]
    names = [name for name in over or features if all(t[name].kind == "number" for t in tables)]
    names = [n for n in names if all(np.isfinite(t[n].numbers()).any() for t in tables)]
    if not names:
        raise Unmeasurable("There is no numeric feature with values to look at.", status="insufficient")
    return sorted(names)


def _fenced(now: Column, then: Column, rule: str, width: float, confidence: float) -> dict[str, Any]:
    values, held = now.numbers(), then.numbers()
    held = held[np.isfinite(held)]
    lower, upper = _fences(held, rule, width)
    n = int((~np.isnan(values)).sum())
    row: dict[str, Any] = {"feature": now.name, "n": n, "lower": lower, "upper": upper}
    if lower == upper:
        return {**row, "outside": None, "share": None, "low": None, "high": None}
    outside = int(_outside(values, lower, upper).sum())
    low, high = wilson(outside, n, confidence)
    return {**row, "outside": outside, "share": outside / n, "low": low, "high": high}


def _fences(held: FloatArray, rule: str, width: float) -> tuple[float, float]:
    if rule == "mad":
        middle = float(np.median(held))
        reach = width * 1.4826 * float(np.median(np.abs(held - middle)))
        return middle - reach, middle + reach
    q1, q3 = (float(q) for q in np.quantile(held, [0.25, 0.75], method="linear"))
    return q1 - width * (q3 - q1), q3 + width * (q3 - q1)


def _outside(values: FloatArray, lower: float, upper: float) -> Any:
    return (values < lower) | (values > upper)
