"""The values that checks return: frozen, JSON-ready, never NaN.

`Measured` is what a check function returns; `Measurement` adds which check it was, with which
parameters, and how the number came about.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from apps.engine.provenance import Provenance

Status = Literal["measured", "insufficient", "undefined"]
Interval = tuple[float | None, float | None]
Row = Mapping[str, Any]


def finite(number: float | None) -> float | None:
    """The number itself, or None where it is NaN or infinite."""
    return None if number is None or not math.isfinite(number) else float(number)


def _exact(value: Fraction | None) -> dict[str, str] | None:
    if value is None:
        return None
    return {"numerator": str(value.numerator), "denominator": str(value.denominator)}


def _pair(interval: Interval | None) -> list[float | None] | None:
    return None if interval is None else [finite(interval[0]), finite(interval[1])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group of one attribute (None: everybody) with its counts and its number.

    Parameters
    ----------
    attribute : str or None
        The protected attribute, or the attributes of an intersection joined by ``" × "``.
    group : str
        The level; levels of an intersection are joined by ``" × "``; missing is ``"(missing)"``.
    n : int
        Rows in the group.
    """

    attribute: str | None
    group: str
    n: int
    status: Status = "measured"
    counts: Mapping[str, int] = field(default_factory=dict)
    value: float | None = None
    interval: Interval | None = None
    ratio: float | None = None
    ratio_interval: Interval | None = None
    rates: Mapping[str, float | None] = field(default_factory=dict)
    disparities: Mapping[str, float | None] = field(default_factory=dict)
    note: str | None = None

    def as_json(self) -> dict[str, Any]:
        """A flat object; empty parts are left out."""
        answer: dict[str, Any] = {"attribute": self.attribute, "group": self.group, "n": self.n}
        if self.counts:
            answer["counts"] = dict(self.counts)
        answer["value"] = finite(self.value)
        answer["interval"] = _pair(self.interval)
        if self.ratio is not None or self.ratio_interval is not None:
            answer["ratio"] = finite(self.ratio)
            answer["ratio_interval"] = _pair(self.ratio_interval)
        if self.rates:
            answer["rates"] = {k: finite(v) for k, v in self.rates.items()}
        if self.disparities:
            answer["disparities"] = {k: finite(v) for k, v in self.disparities.items()}
        answer["status"] = self.status
        if self.note:
            answer["note"] = self.note
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a check function returns.

    Parameters
    ----------
    value : float or None
        The number; None when `status` is not ``"measured"``.
    exact : Fraction or None
        The same number as a ratio of integers where it is one, so that a bound can be compared
        without floating point.
    n : int
        Rows that the number rests on.
    parameters : Mapping
        What was resolved while computing (the reference group found, exclusions, bins made),
        added to the arguments given.
    tables : Mapping of str to sequence of flat objects
        Anything that is not one number.
    """

    value: float | None
    n: int
    status: Status = "measured"
    exact: Fraction | None = None
    interval: Interval | None = None
    confidence: float | None = None
    method: str | None = None
    seed: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    groups: Sequence[Group] = ()
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    notes: Sequence[str] = ()


def unmeasured(status: Status, reason: str, *, n: int = 0, **rest: Any) -> Measured:
    """A result without a number: `insufficient` or `undefined`, with its reason."""
    notes = (reason, *rest.pop("notes", ()))
    return Measured(value=None, n=n, status=status, notes=notes, **rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A `Measured` with its check's id and version, all parameters and its provenance."""

    check: str
    check_version: str
    measured: Measured
    parameters: Mapping[str, Any]
    provenance: Provenance = "governed"

    def as_json(self) -> dict[str, Any]:
        """The `measurement` object of the interface; finite numbers or null only."""
        m = self.measured
        return {
            "check": self.check,
            "check_version": self.check_version,
            "status": m.status,
            "provenance": self.provenance,
            "value": finite(m.value),
            "exact": _exact(m.exact),
            "interval": _pair(m.interval),
            "confidence": m.confidence,
            "method": m.method,
            "n": m.n,
            "seed": m.seed,
            "parameters": plain({**self.parameters, **m.parameters}),
            "groups": [g.as_json() for g in m.groups],
            "tables": {k: [plain(row) for row in rows] for k, rows in m.tables.items()},
            "notes": list(m.notes),
        }


def plain(value: Any) -> Any:
    """Plain JSON values: NumPy scalars become Python numbers, NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if isinstance(value, float):
        return finite(value)
    return value
