"""The picture of a value and its interval for each of several groups, written as SVG at once.

It stands in almost every report, so no renderer is started for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

INK, QUIET, ACCENT, PALE, LINE = "#1b1f24", "#545b66", "#1c4f8f", "#9aa0aa", "#d9dbe0"
LEFT, PLOT, RIGHT, TOP, STEP, FOOT = 210, 340, 90, 30, 22, 40
LONGEST = 34


def intervals(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The SVG of rows with `group`, `value`, `low`, `high`, `n_label` and `status`."""
    marks = ticks(min(r["low"] for r in rows), max(r["high"] for r in rows))
    bottom, width = TOP + STEP * len(rows), LEFT + PLOT + RIGHT
    parts = [_text(0, 14, title, size=12, weight="bold")]
    for mark in marks:
        x = _x(mark, marks)
        parts.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" stroke="{LINE}"/>')
        parts.append(_text(x, bottom + 14, f"{mark:g}", anchor="middle"))
    parts.append(_text(LEFT + PLOT / 2, bottom + 30, "value with 95 % interval", anchor="middle", fill=QUIET))
    for number, row in enumerate(rows):
        parts += _row(row, TOP + STEP * (number + 0.5), marks)
    height = bottom + FOOT
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    look = 'font-family="DejaVu Sans, sans-serif" font-size="10"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {look}>{"".join(parts)}</svg>'


def _row(row: Mapping[str, Any], y: float, marks: Sequence[float]) -> list[str]:
    low, value, high = (_x(row[name], marks) for name in ("low", "value", "high"))
    colour = ACCENT if row["status"] == "measured" else PALE
    name = str(row["group"])
    return [
        _text(LEFT - 8, y + 4, name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…", anchor="end"),
        f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="3"/>',
        f'<circle cx="{value}" cy="{y}" r="4.5" fill="{colour}"/>',
        _text(LEFT + PLOT + 8, y + 4, str(row["n_label"]), fill=QUIET),
    ]


def _x(value: float, marks: Sequence[float]) -> float:
    share = (value - marks[0]) / (marks[-1] - marks[0])
    return round(LEFT + PLOT * min(max(share, 0.0), 1.0), 2)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most the lowest to at least the highest value.

    Examples
    --------
    >>> ticks(0.12, 0.91)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> ticks(3.0, 3.0)
    [2.4, 2.6, 2.8, 3.0, 3.2, 3.4, 3.6]
    """
    if not high > low:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * unit for unit in (1, 2, 5, 10) if power * unit >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _text(
    x: float, y: float, text: str, *, size: int = 10, weight: str = "", anchor: str = "", fill: str = INK
) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    more = (f' text-anchor="{anchor}"' if anchor else "") + (f' font-weight="{weight}"' if weight else "")
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}"{more}>{escape(shown)}</text>'
