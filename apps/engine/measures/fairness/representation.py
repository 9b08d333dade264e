"""Who is in the data at all, against the population that is served."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from apps.engine.columns import MISSING, Columns, FloatArray, IntArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.intervals import wilson
from apps.engine.measures.fairness.cells import Mass
from apps.engine.measures.fairness.groups import Attributes, Divided
from apps.engine.measures.fairness.tables import Table, tables
from apps.engine.values import Group, Measured


def representation(
    *,
    protected: Columns,
    weight: FloatArray | None = None,
    count: IntArray | None = None,
    expected: Mapping[str, Mapping[str, float]] | None = None,
    attributes: Attributes | None = None,
    confidence: float = 0.95,
) -> Measured:
    """The lowest ratio of a group's share of the data to its expected share.

    ``(n_g / n) / expected_g``, in [0, inf), higher is better; 1 is the share expected. Without `expected`
    every
    group is expected to have an equal share.

    Parameters
    ----------
    expected : mapping, optional
        From attribute to group to share, such as census shares. A group expected and absent has ratio 0.

    Raises
    ------
    BadInput
        A share that is not above 0 and at most 1, or shares of an attribute above 1 in sum.

    Examples
    --------
    >>> found = representation(
    ...     protected=Columns.of(sex=["F", "M", "M", "M"]), expected={"sex": {"F": 0.5, "M": 0.5}}
    ... )
    >>> found.value
    0.5
    """
    asked: Attributes | None = attributes or (list(expected) if expected else None)
    found = tables(protected, asked, Mass.of(count, weight))
    rows = [row for table in found for row in _represented(table, expected, confidence)]
    worst = min(rows, key=lambda row: row.ratio if row.ratio is not None else math.inf)
    return Measured(
        value=worst.ratio,
        n=sum(found[0].sizes),
        interval=worst.ratio_interval,
        confidence=confidence,
        method="shares of rows over expected shares; Wilson"
        if found[0].sums is None
        else "shares of weight over expected shares; Wilson on Kish's effective size",
        groups=rows,
        parameters={
            "worst": {"attribute": worst.attribute, "group": worst.group},
            "expected_shares": "given" if expected else "equal",
        },
    )


def _represented(
    table: Table, expected: Mapping[str, Mapping[str, float]] | None, confidence: float
) -> list[Group]:
    held = table.masses[:, 0].tolist()
    masses = dict(zip(table.levels, zip(table.sizes, held, strict=True), strict=True))
    if table.levels == (MISSING,):
        raise Unmeasurable(f"{table.attribute} is missing for everybody.", status="insufficient")
    wanted = _shares(table, expected)
    if len(wanted) < 2 and expected is None:
        raise Unmeasurable(
            f"{table.attribute} has one group only ({next(iter(wanted))}): without expected shares there is "
            "nothing to compare.",
            status="insufficient",
        )
    total = math.fsum(held)
    effective = table.effective(range(len(held)))
    size = total if effective is None else effective
    return [
        _share_row(
            table,
            level,
            n=masses.get(level, (0, 0.0))[0],
            mass=masses.get(level, (0, 0.0))[1],
            total=total,
            size=size,
            wanted=wanted.get(level),
            confidence=confidence,
        )
        for level in sorted({*masses, *wanted})
    ]


def _shares(part: Divided, expected: Mapping[str, Mapping[str, float]] | None) -> dict[str, float]:
    if expected is None:
        known = [level for level in part.levels if level != MISSING]
        return {level: 1 / len(known) for level in known}
    if part.attribute not in expected:
        raise BadInput(f"expected names no shares for {part.attribute}; it names {', '.join(expected)}.")
    given = {str(level): float(share) for level, share in expected[part.attribute].items()}
    if not given or any(not 0 < share <= 1 for share in given.values()) or sum(given.values()) > 1 + 1e-9:
        raise BadInput(f"The shares expected of {part.attribute} must lie above 0 and sum to at most 1.")
    return given


def _share_row(
    part: Divided,
    level: str,
    *,
    n: int,
    mass: float,
    total: float,
    size: float,
    wanted: float | None,
    confidence: float,
) -> Group:
    share = mass / total
    low, high = wilson(mass if size == total else share * size, size, confidence)
    shown: dict[str, Any] = (
        {} if wanted is None else {"ratio": share / wanted, "ratio_interval": (low / wanted, high / wanted)}
    )
    note = None if wanted is not None else "no share is expected of this group"
    return Group(
        attribute=part.attribute, group=level, n=n, value=share, interval=(low, high), note=note, **shown
    )
