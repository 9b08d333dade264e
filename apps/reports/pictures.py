"""Pictures as lines, bars, dots and labels: written as SVG for pages, painted straight into a PDF.

They stand in almost every report, so no renderer is started for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

INK, QUIET, ACCENT, PALE, RULE = "#1b1f24", "#545b66", "#1c4f8f", "#9aa0aa", "#d9dbe0"
BOUND = "#a3211b"
FONT = "DejaVu Sans"
LONGEST = 34


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: str = RULE
    width: float = 1.0

    def svg(self) -> str:
        place = f'x1="{self.x1:g}" y1="{self.y1:g}" x2="{self.x2:g}" y2="{self.y2:g}"'
        return f'<line {place} stroke="{self.colour}" stroke-width="{self.width:g}"/>'


@dataclass(frozen=True, slots=True)
class Bar:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str = ACCENT

    def svg(self) -> str:
        place = f'x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" height="{self.height:g}"'
        return f'<rect {place} fill="{self.colour}"/>'


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float = 4.5
    colour: str = ACCENT

    def svg(self) -> str:
        return f'<circle cx="{self.x:g}" cy="{self.y:g}" r="{self.radius:g}" fill="{self.colour}"/>'


@dataclass(frozen=True, slots=True)
class Label:
    """One line of text; `anchor` is the part of it that stands at `x`: start, middle or end."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    colour: str = INK
    size: int = 10
    bold: bool = False

    @property
    def shown(self) -> str:
        """The text with a blank for whatever cannot be printed."""
        return "".join(c if c.isprintable() else " " for c in self.text)

    def svg(self) -> str:
        look = f'font-size="{self.size}" fill="{self.colour}"'
        look += f' text-anchor="{self.anchor}"' if self.anchor != "start" else ""
        look += ' font-weight="bold"' if self.bold else ""
        return f'<text x="{self.x:g}" y="{self.y:g}" {look}>{escape(self.shown)}</text>'


Mark = Line | Bar | Dot | Label


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn, in units of its own width and height."""

    width: float
    height: float
    marks: Sequence[Mark]

    def svg(self) -> str:
        """The picture for a page."""
        size = f'width="{self.width:g}" height="{self.height:g}" viewBox="0 0 {self.width:g} {self.height:g}"'
        look = f'font-family="{FONT}, sans-serif" font-size="10"'
        inside = "".join(mark.svg() for mark in self.marks)
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {look}>{inside}</svg>'


def title(text: str) -> Label:
    """The words over a picture."""
    return Label(0, 14, text, size=12, bold=True)


def name(text: str) -> str:
    """A name as far as there is room for it."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
