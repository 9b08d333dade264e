"""Selection compared within strata: Cochran-Mantel-Haenszel, the common odds ratio, Breslow-Day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.engine.columns import BoolArray, Columns, FloatArray, IntArray
from apps.engine.errors import BadInput, NoSuchColumn, Unmeasurable
from apps.engine.intervals import Pair, normal, shared_confidence
from apps.engine.measures.fairness import groups as grouping
from apps.engine.measures.fairness.cells import Mass, count_joint
from apps.engine.measures.fairness.groups import Attributes, Floors, Partition, partitions
from apps.engine.measures.fairness.mantel_haenszel import Stratified
from apps.engine.numeric import Ints, no_weights, same_length
from apps.engine.values import Group, Measured, Status

_MOST_CELLS = 1 << 26


def conditional_adverse_impact(
    *,
    selected: BoolArray,
    protected: Columns,
    columns: Columns,
    strata: Sequence[str],
    weight: FloatArray | None = None,
    count: IntArray | None = None,
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
    layer = _layer(columns, strata)
    layered = [_Layered.of(part, layer, selected, count) for part in partitions(protected, attributes)]
    floors = Floors(min_group_size, min_group_share)
    found, problems = [], []
    for one in layered:
        try:
            found += _contrasts(one, reference, floors)
        except Unmeasurable as problem:
            problems.append(problem)
    common: dict[str, Any] = {
        "n": int(layered[0].cells.sum()),
        "confidence": confidence,
        "groups": [group for one in layered for group in _groups(one, floors)],
    }
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
class _Layered:
    """The groups of an attribute in each stratum: rows selected and not, (groups, strata, 2)."""

    part: Partition
    cells: Ints

    @classmethod
    def of(cls, part: Partition, layer: Partition, selected: BoolArray, count: IntArray | None) -> _Layered:
        mass = Mass.of(count)
        same_length(selected=selected, protected=part.codes, strata=layer.codes, count=mass.rows)
        sizes = [len(part.levels), len(layer.levels)]
        if 2 * math.prod(sizes) > _MOST_CELLS:
            raise BadInput(
                f"{part.attribute} has {sizes[0]:,} groups and the strata are {sizes[1]:,}: too many tables."
            )
        return cls(part, count_joint([part.codes, layer.codes], sizes, [~selected], mass.count))


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
            raise NoSuchColumn(
                f'There is no column "{name}" to make strata of; there is {", ".join(columns)}.'
            )
    return partitions(columns.only(list(strata)), [list(strata)])[0]


def _contrasts(one: _Layered, reference: str, floors: Floors) -> list[_Contrast]:
    part, counted = one.part, one.cells
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


def _groups(one: _Layered, floors: Floors) -> list[Group]:
    totals = one.cells.sum(axis=1).tolist()
    kept = set(grouping.eligible([yes + no for yes, no in totals], floors))
    return [
        Group(
            attribute=one.part.attribute,
            group=one.part.levels[k],
            n=yes + no,
            counts={"selected": yes},
            value=yes / (yes + no),
            status="measured" if k in kept else "insufficient",
        )
        for k, (yes, no) in enumerate(totals)
    ]


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
