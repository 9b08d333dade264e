"""Which values of the features lie far out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from apps.engine.columns import Columns, FloatArray, IntArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import wilson
from apps.engine.measures.drift import each_column
from apps.engine.tally import Tally, run_lengths, tallies
from apps.engine.values import Measured


def outliers(
    *,
    features: Columns,
    reference_features: Columns | None = None,
    count: IntArray | None = None,
    reference_count: IntArray | None = None,
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
    count, reference_count : int arrays, optional
        How many equal rows each row stands for.
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
    _known_features(features, reference_features, over)
    numeric = [name for name in over or features if _numeric(features, reference_features, name)]
    now = tallies(features, numeric, count)
    then = now if reference_features is None else tallies(reference_features, numeric, reference_count)
    names = sorted(name for name in numeric if now[name].any_finite and then[name].any_finite)
    if not names:
        raise Unmeasurable("There is no numeric feature with values to look at.", status="insufficient")
    rows = each_column(
        lambda name: _fenced(now[name], then[name], rule, width, confidence), names, features.rows
    )
    defined = [row for row in rows if row["share"] is not None]
    if not defined:
        raise Unmeasurable(
            f"No feature has a spread by the rule {rule}, so nothing lies outside it: {_listed(names)}."
        )
    worst = max(defined, key=lambda row: Fraction(row["outside"], row["n"]))
    share = Fraction(worst["outside"], worst["n"])
    flat = [str(row["feature"]) for row in rows if row["share"] is None]
    return Measured(
        value=float(share),
        exact=share,
        n=features.rows if count is None else int(count.sum()),
        interval=(max(row["low"] for row in defined), max(row["high"] for row in defined)),
        confidence=confidence,
        method=f"fences by {rule}; Wilson, fences taken as given",
        parameters={
            "worst": worst["feature"],
            "features": len(names),
            "fences_from": "data" if reference_features is None else "reference",
        },
        tables={"features": rows},
        notes=[f"No spread by this rule, not judged: {_listed(flat)}."] if flat else [],
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more


def _known_features(features: Columns, reference: Columns | None, over: Sequence[str] | None) -> None:
    if not features.rows or (reference is not None and not reference.rows):
        raise Unmeasurable("There are no rows in one of the data sets.", status="insufficient")
    for name in over or ():
        if name not in features:
            raise BadInput(f'There is no feature "{name}".')
        if features[name].kind != "number":
            raise BadInput(f'Feature "{name}" holds no numbers, so it has no outliers.')


def _numeric(features: Columns, reference: Columns | None, name: str) -> bool:
    return all(table is None or table[name].kind == "number" for table in (features, reference))


def _fenced(now: Tally, then: Tally, rule: str, width: float, confidence: float) -> dict[str, Any]:
    lower, upper = _fences(then.finite(), rule, width)
    then.shed()
    row: dict[str, Any] = {"feature": now.name, "n": now.n, "lower": lower, "upper": upper}
    if lower == upper or not math.isfinite(lower) or not math.isfinite(upper):
        return {**row, "outside": None, "share": None, "low": None, "high": None}
    under, within = now.below([np.nextafter(lower, -np.inf), upper]).tolist()
    outside = under + now.n - within
    low, high = wilson(outside, now.n, confidence)
    return {**row, "outside": outside, "share": outside / now.n, "low": low, "high": high}


def _fences(held: Tally, rule: str, width: float) -> tuple[float, float]:
    with np.errstate(over="ignore", invalid="ignore"):
        if rule == "mad":
            middle = _quantile(held, 0.5)
            away, rows = held.runs()
            reach = width * 1.4826 * _quantile(_retold(np.abs(away - middle), rows), 0.5)
            return middle - reach, middle + reach
        q1, q3 = _quantile(held, 0.25), _quantile(held, 0.75)
        return q1 - width * (q3 - q1), q3 + width * (q3 - q1)


def _retold(values: FloatArray, rows: IntArray) -> Tally:
    """A tally of values with rows, in any order, some perhaps equal."""
    order = np.argsort(values, kind="stable")
    distinct, _ = run_lengths(values[order])
    starts = np.searchsorted(values[order], distinct)
    return Tally("", "number", distinct, counts=np.add.reduceat(rows[order], starts))


def _quantile(held: Tally, q: float) -> float:
    """The quantile, interpolated linearly between ranks."""
    place = (held.n - 1) * q
    rank = math.floor(place)
    low, high = held.ranked(np.array([rank, min(rank + 1, held.n - 1)])).tolist()
    part = place - rank
    step = high - low
    return float(low + step * part if part < 0.5 else high - step * (1 - part))
