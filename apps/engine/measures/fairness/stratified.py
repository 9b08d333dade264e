"""Selection compared within strata: Cochran-Mantel-Haenszel, the common odds ratio, Breslow-Day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import chi2

from apps.engine.columns import BoolArray, Columns, FloatArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import Pair, normal, shared_confidence
from apps.engine.measures.fairness import groups as grouping
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition, partitions
from apps.engine.numeric import Ints, no_weights, same_length
from apps.engine.values import Group, Measured, Status


@dataclass(frozen=True, slots=True)
class Stratified:
    """2 x 2 tables by stratum: rows (group, reference), columns (selected, not).

    Parameters
    ----------
    tables : int array (strata, 2, 2)
        ``tables[s] = [[a, b], [c, d]]``.
    """

    tables: Ints

    def _cells(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        t = self.tables.astype(np.float64)
        t = t[t.sum(axis=(1, 2)) > 1]
        return t[:, 0, 0], t[:, 0, 1], t[:, 1, 0], t[:, 1, 1], t.sum(axis=(1, 2))

    def cmh(self, *, correction: bool = False) -> tuple[float, float] | None:
        """The Cochran-Mantel-Haenszel statistic and its p-value (1 df); None where nothing varies.

        ``(|Σ (a - E a)| - ½?)² / Σ var a`` with the hypergeometric mean and variance of each stratum.
        """
        a, b, c, d, n = self._cells()
        expected = (a + b) * (a + c) / n
        variance = math.fsum((a + b) * (c + d) * (a + c) * (b + d) / (n * n * (n - 1)))
        if variance == 0:
            return None
        gap = abs(math.fsum(a - expected))
        gap = max(0.0, gap - 0.5) if correction else gap
        statistic = gap * gap / variance
        return statistic, float(chi2.sf(statistic, 1))

    def odds_ratio(self) -> float | None:
        """The Mantel-Haenszel common odds ratio ``Σ ad/n / Σ bc/n``; None where the divisor is zero."""
        a, b, c, d, n = self._cells()
        bottom = math.fsum(b * c / n)
        return math.fsum(a * d / n) / bottom if bottom else None

    def log_error(self) -> float | None:
        """The standard error of the log common odds ratio by Robins, Breslow and Greenland."""
        a, b, c, d, n = self._cells()
        r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
        total_r, total_s = math.fsum(r), math.fsum(s)
        if not total_r or not total_s:
            return None
        variance = (
            math.fsum(p * r) / (2 * total_r**2)
            + math.fsum(p * s + q * r) / (2 * total_r * total_s)
            + math.fsum(q * s) / (2 * total_s**2)
        )
        return math.sqrt(variance)

    def breslow_day(self) -> tuple[float, int, float] | None:
        """Homogeneity of the odds ratios: statistic with Tarone's adjustment, df, p-value.

        Strata in which a margin is empty say nothing of it and are left out.
        """
        odds = self.odds_ratio()
        t = self.tables
        used = t[(t.sum(axis=1) > 0).all(axis=1) & (t.sum(axis=2) > 0).all(axis=1)].astype(np.float64)
        if not odds or len(used) < 2:
            return None
        a, row, column, n = (
            used[:, 0, 0],
            used[:, 0].sum(axis=1),
            used[:, :, 0].sum(axis=1),
            used.sum(axis=(1, 2)),
        )
        fitted = _fitted(odds, row, column, n)
        variance = 1 / (
            1 / fitted + 1 / (row - fitted) + 1 / (column - fitted) + 1 / (n - row - column + fitted)
        )
        statistic = math.fsum((a - fitted) ** 2 / variance)
        statistic -= math.fsum(a - fitted) ** 2 / math.fsum(variance)
        df = len(used) - 1
        return statistic, df, float(chi2.sf(statistic, df))


def _fitted(odds: float, row: FloatArray, column: FloatArray, n: FloatArray) -> FloatArray:
    """The count of cell a in each stratum at the common odds ratio and the margins given."""
    if abs(odds - 1) < 1e-12:
        return row * column / n
    p, q, r = 1 - odds, n - row - column + odds * (row + column), -odds * row * column
    root = np.sqrt(q * q - 4 * p * r)
    fitted: FloatArray = -2 * r / (q + root)
    return fitted


def conditional_adverse_impact(
    *,
    selected: BoolArray,
    protected: Columns,
    columns: Columns,
    strata: Sequence[str],
    weight: FloatArray | None = None,
    attributes: Attributes | None = None,
    reference: str = "highest",
    min_group_size: int = 30,
    min_group_share: float = 0.0,
    correction: bool = False,
    confidence: float = 0.95,
    adjust: str = "none",
) -> Measured:
    """The lowest common odds ratio of selection between a group and the reference, within strata.

    Mantel-Haenszel's ``Σ ad/n / Σ bc/n`` over strata, in [0, inf), higher is better; 1 where the group's odds
    equal the reference's in every stratum. The table ``tests`` has the Cochran-Mantel-Haenszel and the
    Breslow-Day test (Tarone), the crude odds ratio, and whether the two point in opposite directions
    (Simpson's paradox); ``strata`` has every table.

    Parameters
    ----------
    columns : Columns
        Every column of the file.
    strata : list of str
        Columns whose combinations are the strata.
    reference : str
        ``highest`` (crude selection rate), ``largest`` or a group's name.
    correction : bool
        Continuity correction of the Cochran-Mantel-Haenszel statistic.

    Raises
    ------
    BadInput
        A stratum column that the file lacks.

    References
    ----------
    Mantel, Haenszel (1959), JNCI 22, 719-748. Robins, Breslow, Greenland (1986), Biometrics 42, 311-323.
    Breslow, Day (1980), IARC 32. Tarone (1985), Biometrika 72, 91-95.

    Examples
    --------
    >>> chosen = np.array([True, False, True, True, False, False, True, False] * 10)
    >>> table = Columns.of(sex=["F", "F", "M", "M"] * 20, area=["x"] * 40 + ["y"] * 40)
    >>> found = conditional_adverse_impact(
    ...     selected=chosen, protected=table.only(["sex"]), columns=table, strata=["area"]
    ... )
    >>> round(found.value, 6)
    0.111111
    """
    no_weights(weight, "fairness.conditional_adverse_impact")
    if reference == "overall":
        raise BadInput("conditional_adverse_impact compares with a group; reference may not be overall.")
    parts = partitions(protected, attributes)
    same_length(selected=selected, protected=parts[0].codes)
    layer = _layer(columns, strata)
    floors = Floors(min_group_size, min_group_share)
    found, problems = [], []
    for part in parts:
        try:
            found += _contrasts(part, layer, selected, reference, floors)
        except Unmeasurable as problem:
            problems.append(problem)
    groups = [_group(part, k, selected, floors) for part in parts for k in range(len(part.levels))]
    common: dict[str, Any] = {"n": len(selected), "confidence": confidence, "groups": groups}
    if problems:
        status: Status = "undefined" if any(p.status == "undefined" for p in problems) else "insufficient"
        return Measured(value=None, status=status, notes=[str(p) for p in problems], **common)
    shared = shared_confidence(confidence, len(found)) if adjust == "holm" else confidence
    rows = [_test(one, shared, correction) for one in found]
    worst = min(rows, key=lambda row: row["odds_ratio"])
    return Measured(
        value=worst["odds_ratio"],
        interval=_lowest(rows),
        method="Mantel-Haenszel odds ratio; Robins-Breslow-Greenland interval",
        parameters={
            "strata_made": len(layer.levels),
            "comparisons": len(rows),
            "worst": {"attribute": worst["attribute"], "group": worst["group"]},
            "reference_groups": {row["attribute"]: row["reference"] for row in rows},
        },
        tables={"tests": rows, "strata": [row for one in found for row in _stratum_rows(one, layer)]},
        notes=_paradox(rows),
        **common,
    )


@dataclass(frozen=True, slots=True)
class _Contrast:
    attribute: str
    group: str
    reference: str
    tables: Ints


def _layer(columns: Columns, strata: Sequence[str]) -> Partition:
    if not strata:
        raise BadInput("conditional_adverse_impact needs strata: the columns to compare within.")
    for name in strata:
        if name not in columns:
            raise BadInput(f'There is no column "{name}" to make strata of; there is {", ".join(columns)}.')
    return partitions(columns.only(list(strata)), [list(strata)])[0]


def _contrasts(
    part: Partition, layer: Partition, selected: BoolArray, reference: str, floors: Floors
) -> list[_Contrast]:
    cell = (part.codes * len(layer.levels) + layer.codes) * 2 + ~selected
    shape = (len(part.levels), len(layer.levels), 2)
    counted = np.bincount(cell, minlength=math.prod(shape)).reshape(shape)
    totals = counted.sum(axis=1)
    sizes = [int(n) for n in totals.sum(axis=1)]
    kept = grouping.eligible(sizes, floors)
    grouping.require_two(part, sizes, kept, floors)
    found = grouping.reference_of(part, sizes, kept, reference, lambda k: totals[k, 0] / sizes[k])
    base = kept[0] if found is None else found
    return [
        _defined(
            _Contrast(
                part.attribute, part.levels[k], part.levels[base], np.stack((counted[k], counted[base]), 1)
            )
        )
        for k in kept
        if k != base
    ]


def _defined(one: _Contrast) -> _Contrast:
    if Stratified(one.tables).odds_ratio() is None:
        raise Unmeasurable(
            f"{one.attribute} = {one.group} and {one.reference} share no stratum in which their odds "
            f"compare: "
            "the common odds ratio is undefined."
        )
    return one


def _test(one: _Contrast, confidence: float, correction: bool) -> dict[str, Any]:
    layers, pooled = Stratified(one.tables), Stratified(one.tables.sum(axis=0, keepdims=True))
    odds, crude, cmh, homogeneous = (
        layers.odds_ratio(),
        pooled.odds_ratio(),
        layers.cmh(correction=correction),
        layers.breslow_day(),
    )
    low, high = _interval(odds, layers.log_error(), confidence) or (None, None)
    statistic, p = cmh or (None, None)
    bd, df, bd_p = homogeneous or (None, None, None)
    return {
        "attribute": one.attribute,
        "group": one.group,
        "reference": one.reference,
        "test": "cochran_mantel_haenszel",
        "statistic": statistic,
        "df": 1,
        "p_value": p,
        "odds_ratio": odds,
        "low": low,
        "high": high,
        "crude_odds_ratio": crude,
        "simpson": bool(odds and crude and (odds - 1) * (crude - 1) < 0),
        "breslow_day": bd,
        "breslow_day_df": df,
        "breslow_day_p_value": bd_p,
    }


def _interval(odds: float | None, error: float | None, confidence: float) -> Pair | None:
    if not odds or error is None:
        return None
    low, high = normal(math.log(odds), error, confidence)
    return math.exp(low), math.exp(high)


def _lowest(rows: Sequence[dict[str, Any]]) -> tuple[float, float | None] | None:
    if any(row["low"] is None for row in rows):
        return None
    return min(row["low"] for row in rows), min(row["high"] for row in rows)


def _paradox(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"{row['attribute']} = {row['group']}: all rows together and the strata point in opposite directions "
        f"(odds ratio {row['crude_odds_ratio']:.4g} against {row['odds_ratio']:.4g}): Simpson's paradox."
        for row in rows
        if row["simpson"]
    ]


def _group(part: Partition, k: int, selected: BoolArray, floors: Floors) -> Group:
    inside = part.codes == k
    n, chosen = int(np.count_nonzero(inside)), int(np.count_nonzero(selected & inside))
    status: Status = "measured" if floors.keeps(n, len(selected)) else "insufficient"
    return Group(
        attribute=part.attribute,
        group=part.levels[k],
        n=n,
        counts={"selected": chosen},
        value=chosen / n,
        status=status,
    )


def _stratum_rows(one: _Contrast, layer: Partition) -> list[dict[str, Any]]:
    return [
        {
            "attribute": one.attribute,
            "group": one.group,
            "stratum": layer.levels[s],
            "selected": int(table[0, 0]),
            "n": int(table[0].sum()),
            "reference_selected": int(table[1, 0]),
            "reference_n": int(table[1].sum()),
        }
        for s, table in enumerate(one.tables)
    ]
