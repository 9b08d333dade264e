"""Pictures of one value each: bars lying under each other, or standing side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apps.reports.pictures import INK, QUIET, Bar, Label, Line, Mark, Picture, name, title
from apps.reports.scales import Scale

Row = tuple[str, float]
LEFT, PLOT, TOP, FOOT = 210, 400, 30, 40
STEP, THICK = 22, 14
HEIGHT, SIDE = 160, 60


def lying(heading: str, axis: str, rows: Sequence[Row]) -> Picture:
    """A bar for each row, the first on top, their names at the left."""
    values = [value for _, value in rows]
    scale = Scale.over(min(0.0, *values), max(0.0, *values), LEFT, PLOT)
    bottom = TOP + STEP * len(rows)
    marks: list[Mark] = [title(heading)]
    for mark in scale.marks:
        x = scale.at(mark)
        marks += [Line(x, TOP, x, bottom), Label(x, bottom + 14, f"{mark:g}", "middle")]
    marks.append(Label(LEFT + PLOT / 2, bottom + 30, axis, "middle", QUIET))
    for number, (label, value) in enumerate(rows):
        y, ends = TOP + STEP * (number + 0.5), sorted((scale.at(0.0), scale.at(value)))
        marks.append(Label(LEFT - 8, y + 4, name(label), "end"))
        marks.append(Bar(ends[0], y - THICK / 2, ends[1] - ends[0], THICK))
    return Picture(LEFT + PLOT + 30, bottom + FOOT, marks)


def standing(heading: str, axes: tuple[str, str], rows: Sequence[Row]) -> Picture:
    """A bar for each row from left to right; where names have no room they are numbered in order."""
    values = [value for _, value in rows]
    scale = Scale.over(min(0.0, *values), max(0.0, *values), TOP + HEIGHT, -HEIGHT)
    width, step = SIDE + 550, 550 / len(rows)
    marks: list[Mark] = [title(heading), *_levels(scale, width)]
    roomy = max(len(label) for label, _ in rows) * 6 < step
    for number, (label, value) in enumerate(rows):
        x, ends = SIDE + step * (number + 0.5), sorted((scale.at(0.0), scale.at(value)))
        marks.append(Bar(x - step * 0.35, ends[0], step * 0.7, ends[1] - ends[0]))
        marks.append(Label(x, TOP + HEIGHT + 14, label if roomy else str(number + 1), "middle"))
    told = axes[0] if roomy else f"{axes[0]}, numbered as in the table"
    marks.append(Label(SIDE + 275, TOP + HEIGHT + 30, told, "middle", QUIET))
    marks.append(Label(SIDE - 8, TOP - 2, axes[1], "start", QUIET))
    return Picture(width, TOP + HEIGHT + FOOT, marks)


def _levels(scale: Scale, width: float) -> Iterator[Mark]:
    for mark in scale.marks:
        y = scale.at(mark)
        yield Line(SIDE, y, width, y)
        yield Label(SIDE - 8, y + 4, f"{mark:g}", "end", INK)
