"""Bars of money, computed here and drawn as plain SVG by a template: months, units, budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

WIDTH = 640
LABEL = 150
ROOM = 90  # for the number at the end of a bar
ROW = 26


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it stands, how long it is, what it says."""

    y: int
    text_y: int
    length: float
    end: float
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture of bars under each other."""

    height: int
    bars: tuple[Bar, ...]
    text: str

    @property
    def view_box(self) -> str:
        return f"0 0 {WIDTH} {self.height}"


def bars(rows: Sequence[tuple[str, Decimal]], unit: str) -> Bars | None:
    """The picture of named amounts; None where there is nothing to draw."""
    if not rows:
        return None
    most = max((amount for _, amount in rows), default=Decimal(0))
    scale = (WIDTH - LABEL - ROOM) / float(most) if most > 0 else 0.0
    drawn = tuple(
        Bar(
            y=place * ROW + 4,
            text_y=place * ROW + 18,
            length=round(max(float(amount), 0.0) * scale, 1),
            end=round(LABEL + max(float(amount), 0.0) * scale + 6, 1),
            label=_short(name),
            value=f"{amount:.2f}",
        )
        for place, (name, amount) in enumerate(rows)
    )
    text = "; ".join(f"{name or 'none'}: {amount:.2f} {unit}" for name, amount in rows)
    return Bars(len(rows) * ROW + 4, drawn, text)


def _short(name: str) -> str:
    shown = name or "none"
    return shown if len(shown) <= 20 else f"{shown[:19]}…"
