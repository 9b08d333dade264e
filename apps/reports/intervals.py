"""The picture of a value and its interval for each of several groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps.reports.pictures import ACCENT, BOUND, PALE, QUIET, Dot, Label, Line, Mark, Picture, name, title
from apps.reports.scales import Scale

LEFT, PLOT, RIGHT, TOP, STEP, FOOT = 210, 340, 90, 38, 22, 40


def intervals(
    heading: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    axis: str = "value with 95 % interval",
    bounds: Sequence[tuple[str, float]] = (),
) -> Picture:
    """Rows with `group`, `value`, `low`, `high`, `n_label` and `status`; bounds stand as upright lines."""
    edges = [value for _, value in bounds]
    ends = [*edges, *(r["low"] for r in rows), *(r["high"] for r in rows)]
    scale = Scale.over(min(ends), max(ends), LEFT, PLOT)
    bottom = TOP + STEP * len(rows)
    marks: list[Mark] = [title(heading)]
    for mark in scale.marks:
        x = scale.at(mark)
        marks += [Line(x, TOP, x, bottom), Label(x, bottom + 14, f"{mark:g}", "middle")]
    marks.append(Label(LEFT + PLOT / 2, bottom + 30, axis, "middle", QUIET))
    for told, value in bounds:
        marks.append(Line(scale.at(value), TOP - 4, scale.at(value), bottom, BOUND, 1.5))
        marks.append(Label(scale.at(value), TOP - 6, told, "middle", BOUND))
    for number, row in enumerate(rows):
        marks += _row(row, TOP + STEP * (number + 0.5), scale)
    return Picture(LEFT + PLOT + RIGHT, bottom + FOOT, marks)


def _row(row: Mapping[str, Any], y: float, scale: Scale) -> Iterator[Mark]:
    colour = ACCENT if row["status"] == "measured" else PALE
    yield Label(LEFT - 8, y + 4, name(str(row["group"])), "end")
    yield Line(scale.at(row["low"]), y, scale.at(row["high"]), y, colour, 3)
    yield Dot(scale.at(row["value"]), y, colour=colour)
    yield Label(LEFT + PLOT + 8, y + 4, str(row["n_label"]), colour=QUIET)
