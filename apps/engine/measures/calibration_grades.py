"""Calibration of rating grades: binomial, Jeffreys, traffic light, few defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betainc, betaincinv
from scipy.stats import binom

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import NoSuchColumn, Unmeasurable
from apps.engine.intervals import holm
from apps.engine.measures.forecasts import Forecasts
from apps.engine.numeric import Ints, no_weights, same_length
from apps.engine.values import Measured

YELLOW, RED = 0.95, 0.9999
MOST_GRADES = 1000


@dataclass(frozen=True, slots=True)
class Grade:
    """A grade: rows n, defaults d, the mean score as its probability of default."""

    name: str
    n: int
    d: int
    pd: float


def grades_of(
    score: FloatArray,
    label: BoolArray,
    columns: Columns | None,
    grade: str | None,
    count: Ints | None = None,
) -> list[Grade]:
    """The grades of a column, or else the distinct scores; ordered by probability, then name.

    Raises
    ------
    BadInput
        No such column.
    Unmeasurable
        Undefined: a score that is no probability. Insufficient: no rows, or over 1,000 distinct scores.
    """
    rows = Forecasts.of(score, label, None, count)
    if grade is None:
        levels, codes = np.unique(rows.score, return_inverse=True)
        names: Sequence[str] = [f"{level:.10g}" for level in levels[: MOST_GRADES + 1].tolist()]
        made = len(levels)
    else:
        if columns is None or grade not in columns:
            raise NoSuchColumn(
                f'There is no column "{grade}" of grades; there is {", ".join(columns or ())}.'
            )
        coded = columns[grade].coded()
        same_length(score=score, grade=coded.codes)
        names, codes, made = coded.levels, coded.codes.astype(np.intp), len(coded.levels)
    if made > MOST_GRADES:
        raise Unmeasurable(
            f"There are {made:,} grades, more than {MOST_GRADES:,}; name a column of grades.",
            status="insufficient",
        )
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.searchsorted(codes[order], np.arange(1, made)))
    found = [_grade(name, rows.part(part)) for name, part in zip(names, parts, strict=True)]
    return sorted(found, key=lambda g: (g.pd, g.name))


def _grade(name: str, rows: Forecasts) -> Grade:
    return Grade(name, rows.n, rows.positives, rows.total(lambda s, y: s) / rows.n)


def grade_binomial(
    *,
    score: FloatArray,
    label: BoolArray,
    columns: Columns | None = None,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    grade: str | None = None,
    adjust: str = "none",
) -> Measured:
    """Exact binomial test of each grade: the smallest ``P(X ≥ d)``, X ~ Binomial(n, PD).

    One-sided: small where more defaults came than the PD allows. In [0, 1], higher is better. Defaults are
    taken
    as independent.

    Parameters
    ----------
    columns, grade : Columns, str, optional
        The column of grades; by default the distinct scores. A grade's PD is its mean score.
    adjust : {"none", "holm"}
        Whether the p-values of the grades are adjusted.

    References
    ----------
    Basel Committee on Banking Supervision (2005), Working Paper 14.

    Examples
    --------
    >>> found = grade_binomial(score=np.full(10, 0.1), label=np.arange(10) < 2)
    >>> round(found.value, 6)
    0.263901
    """
    no_weights(weight, "calibration.grade_binomial")
    grades = grades_of(score, label, columns, grade, count)
    p_values = [float(binom.sf(g.d - 1, g.n, g.pd)) for g in grades]
    return _smallest(grades, p_values, "binomial, exact", adjust)


def grade_jeffreys(
    *,
    score: FloatArray,
    label: BoolArray,
    columns: Columns | None = None,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    grade: str | None = None,
    adjust: str = "none",
) -> Measured:
    """Jeffreys test of each grade: the smallest ``F_Beta(d + ½, n - d + ½)(PD)``.

    The posterior probability that the true rate is at most the PD; small where the PD understates. In
    [0, 1], higher is better. Arguments as for `grade_binomial`.

    References
    ----------
    European Central Bank (2019), Instructions for reporting the validation results of internal models, 2.5.3.

    Examples
    --------
    >>> found = grade_jeffreys(score=np.full(10, 0.1), label=np.arange(10) < 2)
    >>> 0 < found.value < 0.2
    True
    """
    no_weights(weight, "calibration.grade_jeffreys")
    grades = grades_of(score, label, columns, grade, count)
    p_values = [float(betainc(g.d + 0.5, g.n - g.d + 0.5, g.pd)) for g in grades]
    return _smallest(grades, p_values, "jeffreys, one-sided", adjust)


def _smallest(grades: Sequence[Grade], p_values: list[float], test: str, adjust: str) -> Measured:
    adjusted = holm(p_values) if adjust == "holm" else p_values
    rows = [
        {**_grade_row(g), "test": test, "p_value": p, "p_adjusted": a}
        for g, p, a in zip(grades, p_values, adjusted, strict=True)
    ]
    worst = min(rows, key=lambda row: row["p_adjusted"])
    return Measured(
        value=worst["p_adjusted"],
        n=sum(g.n for g in grades),
        method=test,
        parameters={"grades": len(grades), "comparisons": len(grades), "worst": worst["grade"]},
        tables={"grades": rows},
    )


def _grade_row(grade: Grade) -> dict[str, Any]:
    return {
        "grade": grade.name,
        "n": grade.n,
        "defaults": grade.d,
        "pd": grade.pd,
        "rate": grade.d / grade.n,
    }


def traffic_light(
    *,
    score: FloatArray,
    label: BoolArray,
    columns: Columns | None = None,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    grade: str | None = None,
) -> Measured:
    """Traffic-light zones of each grade: 0 green, 1 yellow, 2 red; the worst grade's.

    By the cumulative binomial probability ``P(X ≤ d)``: green below 95 %, yellow from 95 %, red from 99.99 %;
    green where no more defaults came than expected. Lower is better. Arguments as for `grade_binomial`.

    References
    ----------
    Basel Committee on Banking Supervision (1996), Supervisory framework for the use of backtesting.

    Examples
    --------
    >>> traffic_light(score=np.full(250, 0.01), label=np.arange(250) < 5).value
    1.0
    """
    no_weights(weight, "calibration.traffic_light")
    grades = grades_of(score, label, columns, grade, count)
    rows = []
    for one in grades:
        reached = float(binom.cdf(one.d, one.n, one.pd))
        zone = 0 if one.d <= one.n * one.pd else (reached >= YELLOW) + (reached >= RED)
        rows.append(
            {
                **_grade_row(one),
                "cumulative": reached,
                "zone": ("green", "yellow", "red")[zone],
                "level": zone,
            }
        )
    worst = max(rows, key=lambda row: row["level"])
    return Measured(
        value=float(worst["level"]),
        n=sum(g.n for g in grades),
        method="cumulative binomial probability",
        parameters={"yellow_from": YELLOW, "red_from": RED, "grades": len(grades), "worst": worst["grade"]},
        tables={"grades": rows},
    )


def low_default_pd(
    *,
    score: FloatArray,
    label: BoolArray,
    columns: Columns | None = None,
    weight: FloatArray | None = None,
    count: Ints | None = None,
    grade: str | None = None,
    confidence: float = 0.75,
) -> Measured:
    """Most prudent PDs of Pluto and Tasche: the largest shortfall of a grade's PD below its bound.

    The bound of a grade is the upper Clopper-Pearson limit, one-sided at `confidence`, of the defaults and
    rows of
    this and all worse grades together: ``BetaInv(confidence; d + 1, n - d)``, which is
    ``1 - (1 - confidence)^(1/n)`` without defaults. The value is ``max(0, bound - PD)`` over grades; in
    [0, 1], lower is better; 0 means every PD is prudent. Defaults are taken as independent.

    Parameters
    ----------
    confidence : float
        One-sided.

    References
    ----------
    Pluto, Tasche (2005), Estimating probabilities of default for low default portfolios, section 3.

    Examples
    --------
    >>> found = low_default_pd(score=np.full(100, 0.001), label=np.zeros(100, dtype=bool), confidence=0.5)
    >>> round(found.tables["grades"][0]["bound"], 6)
    0.006908
    """
    no_weights(weight, "calibration.low_default_pd")
    grades = grades_of(score, label, columns, grade, count)
    rows = []
    for k, one in enumerate(grades):
        n, d = sum(g.n for g in grades[k:]), sum(g.d for g in grades[k:])
        bound = 1.0 if d == n else float(betaincinv(d + 1, n - d, confidence))
        row = {**_grade_row(one), "pooled_n": n, "pooled_defaults": d, "bound": bound}
        rows.append({**row, "shortfall": max(0.0, bound - one.pd)})
    worst = max(rows, key=lambda row: row["shortfall"])
    return Measured(
        value=worst["shortfall"],
        n=sum(g.n for g in grades),
        confidence=confidence,
        method="most prudent estimation, independent defaults, one-sided Clopper-Pearson",
        parameters={"grades": len(grades), "worst": worst["grade"]},
        tables={"grades": rows},
    )
