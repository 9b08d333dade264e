"""The picture of a value and its interval for each of several groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps.reports.pictures import ACCENT, PALE, QUIET, Dot, Label, Line, Mark, Picture, name, title
from apps.reports.scales import Scale

LEFT, PLOT, RIGHT, TOP, STEP, FOOT = 210, 340, 90, 30, 22, 40


def intervals(heading: str, rows: Sequence[Mapping[str, Any]]) -> Picture:
    """Rows with `group`, `value`, `low`, `high`, `n_label` and `status`."""
    scale = Scale.over(min(r["low"] for r in rows), max(r["high"] for r in rows), LEFT, PLOT)
    bottom = TOP + STEP * len(rows)
    marks: list[Mark] = [title(heading)]
    for mark in scale.marks:
        x = scale.at(mark)
        marks += [Line(x, TOP, x, bottom), Label(x, bottom + 14, f"{mark:g}", "middle")]
    marks.append(Label(LEFT + PLOT / 2, bottom + 30, "value with 95 % interval", "middle", QUIET))
    for number, row in enumerate(rows):
        marks += _row(row, TOP + STEP * (number + 0.5), scale)
    return Picture(LEFT + PLOT + RIGHT, bottom + FOOT, marks)


def _row(row: Mapping[str, Any], y: float, scale: Scale) -> Iterator[Mark]:
    colour = ACCENT if row["status"] == "measured" else PALE
    yield Label(LEFT - 8, y + 4, name(str(row["group"])), "end")
    yield Line(scale.at(row["low"]), y, scale.at(row["high"]), y, colour, 3)
    yield Dot(scale.at(row["value"]), y, colour=colour)
    yield Label(LEFT + PLOT + 8, y + 4, str(row["n_label"]), colour=QUIET)
