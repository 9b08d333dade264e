"""Small pictures computed here and drawn as plain SVG by templates: an interval against its bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

WIDTH = 320
EDGE = 44


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound as a vertical line with its word."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class IntervalPicture:
    """Where the point, the interval and the bounds stand, in units of the picture."""

    point: float
    left: float
    right: float
    bounds: tuple[Bound, ...]
    low_label: str
    high_label: str
    text: str


def interval_picture(gate: Mapping[str, Any]) -> IntervalPicture | None:
    """The picture of a gate's measurement; None where there is no interval to draw."""
    measurement = gate.get("measurement") or {}
    value = measurement.get("value")
    if value is None or not measurement.get("interval"):
        return None
    low, high = _ends(measurement, value)
    bounds = {name: float(Decimal(str(v))) for name, v in (gate.get("bound") or {}).items() if _is_number(v)}
    lowest, highest = min([low, value, *bounds.values()]), max([high, value, *bounds.values()])
    margin = (highest - lowest) * 0.08 or abs(highest) * 0.1 or 1.0
    scale = _Scale(lowest - margin, highest + margin)
    return IntervalPicture(
        point=scale.x(value),
        left=scale.x(low),
        right=scale.x(high),
        bounds=tuple(Bound(scale.x(v), f"{_word(name)} {v:g}") for name, v in bounds.items()),
        low_label=f"{scale.low:.3g}",
        high_label=f"{scale.high:.3g}",
        text=f"{value:.4g}" + (f" ({low:.4g} to {high:.4g})" if low != high else ""),
    )


def _ends(measurement: Mapping[str, Any], value: float) -> tuple[float, float]:
    low, high = measurement.get("interval") or (None, None)
    return (value if low is None else low), (value if high is None else high)


def _is_number(value: Any) -> bool:
    try:
        return Decimal(str(value)).is_finite()
    except ArithmeticError:
        return False


def _word(name: str) -> str:
    return {"min": "at least", "max": "at most"}.get(name, name)


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float

    def x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(EDGE + share * (WIDTH - 2 * EDGE), 1)
