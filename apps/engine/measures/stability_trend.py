"""Any measure by period: how far it ever moved to the worse."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.arguments import resolve
from apps.engine.catalogue import find
from apps.engine.catalogue.spec import Check, Direction
from apps.engine.columns import MISSING, ArrayColumn, Coded, Column, Columns, IntArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.periods import in_time
from apps.engine.values import Interval, Measured, Status, finite

ROWWISE = frozenset(
    {
        "score", "label", "target", "predicted", "selected", "deserving", "weight", "score_column",
        "protected", "features", "columns", "count",
    }
)  # fmt: skip
_PLAIN = ROWWISE | {"seed"}
Places = npt.NDArray[np.intp]
_EXACT_UP_TO = 10


@dataclass(frozen=True, slots=True)
class Point:
    """One period: what the check found there; nothing where it has too few rows."""

    period: str
    n: int
    found: Measured | None

    @property
    def value(self) -> float | None:
        """Its number."""
        return None if self.found is None else finite(self.found.value)

    @property
    def interval(self) -> Interval | None:
        """The interval of its number, if it has one with two ends."""
        return None if self.found is None else self.found.interval


@dataclass(frozen=True, slots=True)
class Move:
    """How far a period lies to the worse of the baseline, with its interval."""

    period: str
    value: float
    interval: tuple[float, float] | None


def trend(
    *,
    roles: Mapping[str, Any],
    period: Coded | None,
    count: IntArray | None = None,
    seed: int = 0,
    check: str = "performance.auc",
    arguments: Mapping[str, Any] | None = None,
    baseline: str = "first",
    min_rows: int = 30,
) -> Measured:
    """How far a measure ever moved to the worse between a period and the baseline period.

    The check named is measured on the rows of each period. The value is the largest fall against the
    baseline where higher is better, the largest rise where lower is better, and the largest distance
    otherwise; in [0, inf), 0 where no period is worse, lower is better.

    Parameters
    ----------
    roles : mapping
        The inputs that a check may need, row by row, read when asked for.
    period : Coded
        The period of each row; rows without one are counted and left out.
    count : int array, optional
        How many equal rows each row stands for; the check must take counts too.
    check : str
        A check that needs rows of one data set only.
    arguments : mapping, optional
        Its arguments.
    baseline : {"first", "best", "previous"}
        What a period is compared with: the first, the best, or the one before.
    min_rows : int
        Periods with fewer rows are shown and not compared.

    Returns
    -------
    Measured
        The table ``periods`` has every period; ``trend`` the least-squares slope a period and Mann-Kendall's
        test. Insufficient with fewer than two periods of enough rows; undefined where one of those has no
        number. The interval joins those of the two periods (MOVER); the search over periods is not counted.

    References
    ----------
    Zou, Donner (2008), Statistics in Medicine 27, 1693-1702. Mann (1945), Econometrica 13, 245-259.

    Examples
    --------
    >>> rows = {"predicted": np.array([True] * 4), "label": np.array([True, True, True, False])}
    >>> months = Coded.of(["2025-01", "2025-01", "2025-02", "2025-02"])
    >>> trend(roles=rows, period=months, check="performance.accuracy", min_rows=1).value
    0.5
    """
    if period is None or not len(period):
        raise Unmeasurable(
            "The manifest names no period column for this data set, or it has no rows.", status="insufficient"
        )
    entry = _measurable(check)
    if count is not None and "count?" not in entry.needs:
        raise Unmeasurable(f"{check} needs its rows one by one, and equal rows are counted here.")
    run = _runner(entry, roles, arguments or {}, seed, count)
    order = np.argsort(period.codes, kind="stable")
    rows = np.split(order, np.searchsorted(period.codes[order], np.arange(1, len(period.levels))))
    by_level = dict(zip(period.levels, rows, strict=True))
    points = [
        _point(level, by_level[level], _rows(by_level[level], count), run, min_rows)
        for level in in_time(period.levels)
    ]
    missing = _rows(by_level[MISSING], count) if MISSING in by_level else 0
    return _summed(entry, points, baseline, missing, min_rows)


def _rows(places: Places, count: IntArray | None) -> int:
    return len(places) if count is None else int(count[places].sum())


def _measurable(check_id: str) -> Check:
    entry = find(check_id)
    beside = {need.removesuffix("?") for need in entry.needs} - _PLAIN
    strange = sorted(beside - {"reference_count", "reference_weight"})
    if strange or entry.id == "stability.trend":
        raise BadInput(
            f"{check_id} cannot be followed over periods: it needs {', '.join(strange) or 'periods'} besides "
            "rows of one data set."
        )
    return entry


def _runner(
    entry: Check, roles: Mapping[str, Any], given: Mapping[str, Any], seed: int, count: IntArray | None
) -> Callable[[Places], Measured]:
    """Measures the check on some of the rows."""
    resolved = resolve(entry, given)
    module, _, name = entry.function.partition(":")
    function: Callable[..., Measured] = getattr(import_module(f"apps.engine.measures.{module}"), name)
    held = {need: _role(roles, need) for need in entry.needs if need != "seed"}
    if count is not None:
        held["count?"] = count

    def run(rows: Places) -> Measured:
        inputs = {need.removesuffix("?"): taken(value, rows) for need, value in held.items()}
        return function(**{**inputs, **resolved, **({"seed": seed} if "seed" in entry.needs else {})})

    return run


def _role(roles: Mapping[str, Any], need: str) -> Any:
    name = need.removesuffix("?")
    return roles.get(name) if need.endswith("?") else roles[name]


def taken(value: Any, rows: Places) -> Any:
    """Some rows of an array or of columns; None stays None.

    Examples
    --------
    >>> table = Columns.of(a=[1.0, 2.0], b=["x", "y"])
    >>> taken(table, np.array([1]))["b"].coded().levels
    ('y',)
    """
    if value is None or isinstance(value, np.ndarray):
        return None if value is None else value[rows]
    columns: Columns = value
    return Columns(tuple(columns), lambda name: _part(columns[name], rows), len(rows))


def _part(column: Column, rows: Places) -> ArrayColumn:
    if column.kind == "number":
        return ArrayColumn(column.name, column.numbers()[rows])
    coded = column.coded()
    used, codes = np.unique(coded.codes[rows], return_inverse=True)
    return ArrayColumn(column.name, Coded(codes.astype(np.int32), tuple(coded.levels[k] for k in used)))


def _point(level: str, places: Places, n: int, run: Callable[[Places], Measured], min_rows: int) -> Point:
    if n < min_rows:
        return Point(level, n, None)
    try:
        return Point(level, n, run(places))
    except Unmeasurable as reason:
        status: Status = "insufficient" if reason.status == "insufficient" else "undefined"
        return Point(level, n, Measured(value=None, n=n, status=status, notes=(str(reason),)))


def _summed(entry: Check, points: Sequence[Point], baseline: str, missing: int, min_rows: int) -> Measured:
    compared = [point for point in points if point.found is not None]
    tables: dict[str, Any] = {"periods": [_row(point) for point in points]}
    notes = [f"The period is missing in {missing:,} rows, which are left out."] if missing else []
    common: dict[str, Any] = {
        "n": sum(point.n for point in points) + missing,
        "method": f"{entry.id} on each period; MOVER of the two intervals",
        "tables": tables,
    }
    blank = [point for point in compared if point.value is None]
    if blank or len(compared) < 2:
        reasons = [_said(point) for point in blank] or [
            f"Fewer than two periods have at least {min_rows:,} rows; there are {len(points):,} periods."
        ]
        return Measured(value=None, status=_status(blank), notes=[*reasons, *notes], **common)
    moves = _moves(compared, entry.direction, baseline)
    worst = max(moves, key=lambda move: move.value)
    tables["trend"] = [_fitted([point.value or 0.0 for point in compared])]
    return Measured(
        value=worst.value,
        interval=_joined(moves),
        confidence=next((p.found.confidence for p in compared if p.found), None),
        parameters={
            "worst": worst.period,
            "periods": len(points),
            "periods_compared": len(compared),
            "comparisons": len(moves),
            "better": entry.direction,
        },
        notes=notes,
        **common,
    )


def _status(blank: Sequence[Point]) -> Status:
    return "undefined" if any(p.found and p.found.status == "undefined" for p in blank) else "insufficient"


def _said(point: Point) -> str:
    reason = point.found.notes[0] if point.found and point.found.notes else "There is no number."
    return f"Period {point.period} ({point.n:,} rows): {reason}"


def _row(point: Point) -> dict[str, Any]:
    low, high = point.interval or (None, None)
    status = "insufficient" if point.found is None else point.found.status
    return {
        "period": point.period,
        "n": point.n,
        "value": point.value,
        "low": low,
        "high": high,
        "status": status,
    }


def _moves(points: Sequence[Point], direction: Direction, baseline: str) -> list[Move]:
    """Each compared period's move to the worse of its baseline, never below 0."""
    sign = {"higher": 1, "lower": -1}.get(direction, 0)
    if baseline == "best":
        best = max(points, key=lambda p: sign * (p.value or 0.0)) if sign else points[0]
        return [_move(best, point, sign) for point in points if point is not best]
    first = points if baseline == "previous" else [points[0]] * len(points)
    return [_move(base, point, sign) for base, point in zip(first, points[1:], strict=False)]


def _move(base: Point, point: Point, sign: int) -> Move:
    """The fall from base to point (its rise for -1, its distance for 0), with MOVER's interval."""
    then, now, named = base.value or 0.0, point.value or 0.0, point.period
    if sign < 0 or (sign == 0 and now > then):
        base, point, then, now = point, base, now, then
    gap = then - now
    ends = (*(base.interval or (None, None)), *(point.interval or (None, None)))
    low_then, high_then, low_now, high_now = ends
    if low_then is None or high_then is None or low_now is None or high_now is None:
        return Move(named, max(0.0, gap), None)
    low = gap - math.hypot(then - low_then, high_now - now)
    high = gap + math.hypot(high_then - then, now - low_now)
    return Move(named, max(0.0, gap), (max(0.0, low), max(0.0, high)))


def _joined(moves: Sequence[Move]) -> tuple[float, float] | None:
    """The interval of the largest of several moves; None where one has none."""
    known = [move.interval for move in moves if move.interval is not None]
    if len(known) < len(moves):
        return None
    return max(low for low, _ in known), max(high for _, high in known)


def _fitted(values: Sequence[float]) -> dict[str, float | None]:
    """Slope a period by least squares, Kendall's S and its two-sided p-value.

    The p-value is exact without ties up to 10 periods, otherwise normal with the variance for ties and the
    continuity correction.

    Examples
    --------
    >>> _fitted([1.0, 2.0, 3.0, 4.0])
    {'slope': 1.0, 'kendall_s': 6.0, 'kendall_tau': 1.0, 'p_value': 0.08333333333333333}
    """
    k = len(values)
    middle, mean = (k - 1) / 2, math.fsum(values) / k
    slope = math.fsum((i - middle) * (v - mean) for i, v in enumerate(values)) / (k * (k * k - 1) / 12)
    s = sum((b > a) - (b < a) for a, b in combinations(values, 2))
    return {
        "slope": slope,
        "kendall_s": float(s),
        "kendall_tau": 2 * s / (k * (k - 1)),
        "p_value": mann_kendall(values, s),
    }


def mann_kendall(values: Sequence[float], s: int) -> float:
    """The two-sided p-value of Kendall's S over time."""
    k, ties = len(values), [values.count(v) for v in set(values)]
    if max(ties) == 1 and k <= _EXACT_UP_TO:
        counts = _inversions(k)
        pairs = k * (k - 1) // 2
        extreme = sum(c for i, c in enumerate(counts) if abs(pairs - 2 * i) >= abs(s))
        return min(1.0, float(Fraction(extreme, sum(counts))))
    variance = (k * (k - 1) * (2 * k + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    if variance == 0 or s == 0:
        return 1.0
    return 2 * NormalDist().cdf(-(abs(s) - 1) / math.sqrt(variance))


def _inversions(k: int) -> list[int]:
    """How many orders of k things have i inversions, by i."""
    counts = [1]
    for size in range(2, k + 1):
        longer = [0] * (len(counts) + size - 1)
        for i, c in enumerate(counts):
            for step in range(size):
                longer[i + step] += c
        counts = longer
    return counts
