"""Pictures of two numbers each: what was forecast against what happened, what was against what is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.reports.pictures import ACCENT, INK, PALE, QUIET, Bar, Dot, Label, Line, Mark, Picture, name, title
from apps.reports.scales import Scale

LEFT, TOP, SIDE, FOOT = 60, 36, 240, 44
WIDE, HIGH = 560, 160


@dataclass(frozen=True, slots=True)
class Bin:
    """What a bin forecast, what came of it, with its interval where there is one; how many rows it holds."""

    forecast: float
    seen: float
    low: float
    high: float
    n: int


def reliability(heading: str, axes: tuple[str, str], rows: Sequence[Bin]) -> Picture:
    """A dot a bin, its interval upright, over the line on which forecast and outcome are the same."""
    most = max([*(row.forecast for row in rows), *(row.high for row in rows)])
    across = Scale.over(0.0, most, LEFT, SIDE)
    up = Scale(across.marks, TOP + SIDE, -SIDE)
    marks: list[Mark] = [title(heading)]
    for mark in across.marks:
        x, y = across.at(mark), up.at(mark)
        marks += [Line(x, TOP, x, TOP + SIDE), Line(LEFT, y, LEFT + SIDE, y)]
        marks += [
            Label(x, TOP + SIDE + 14, f"{mark:g}", "middle"),
            Label(LEFT - 8, y + 4, f"{mark:g}", "end"),
        ]
    marks.append(Line(LEFT, TOP + SIDE, LEFT + SIDE, TOP, PALE, 1.5))
    marks.append(Label(LEFT + SIDE / 2, TOP + SIDE + 30, axes[0], "middle", QUIET))
    marks.append(Label(LEFT - 8, TOP - 6, axes[1], "start", QUIET))
    for row in rows:
        x = across.at(row.forecast)
        marks += [Line(x, up.at(row.low), x, up.at(row.high), ACCENT, 2), Dot(x, up.at(row.seen), 4)]
    marks += _beside(rows)
    return Picture(LEFT + SIDE + 310, TOP + SIDE + FOOT, marks)


def _beside(rows: Sequence[Bin]) -> Iterator[Mark]:
    """How many rows each bin holds, as bars at the right."""
    left, step = LEFT + SIDE + 40, SIDE / len(rows)
    scale = Scale.over(0.0, max(row.n for row in rows), left + 60, 150)
    yield Label(left, TOP - 6, "Rows in each bin, by forecast", "start", QUIET)
    for number, row in enumerate(rows):
        y = TOP + step * (number + 0.5)
        thick = min(14.0, step * 0.7)
        yield Label(left + 52, y + 4, f"{row.forecast:.3g}", "end")
        yield Bar(left + 60, y - thick / 2, scale.at(row.n) - left - 60, thick, PALE)
        yield Label(scale.at(row.n) + 6, y + 4, f"{row.n:,}", colour=QUIET)


def pairs(heading: str, axis: str, rows: Sequence[tuple[str, float, float]]) -> Picture:
    """Two bars a row, before and now, from left to right; names without room are numbered in order."""
    scale = Scale.over(0.0, max(max(then, now) for _, then, now in rows), TOP + HIGH, -HIGH)
    step = (WIDE - LEFT) / len(rows)
    marks: list[Mark] = [title(heading)]
    for mark in scale.marks:
        y = scale.at(mark)
        marks += [Line(LEFT, y, WIDE, y), Label(LEFT - 8, y + 4, f"{mark:g}", "end", INK)]
    roomy = max(len(label) for label, *_ in rows) * 6 < step
    for number, (label, then, now) in enumerate(rows):
        x, floor = LEFT + step * number, TOP + HIGH
        marks.append(Bar(x + step * 0.12, scale.at(then), step * 0.36, floor - scale.at(then), PALE))
        marks.append(Bar(x + step * 0.5, scale.at(now), step * 0.36, floor - scale.at(now)))
        shown = name(label) if roomy else str(number + 1)
        marks.append(Label(x + step / 2, floor + 14, shown, "middle"))
    told = axis if roomy else f"{axis}, numbered as in the table"
    marks.append(Label(LEFT + (WIDE - LEFT) / 2, TOP + HIGH + 30, told, "middle", QUIET))
    marks += [Bar(WIDE - 190, 4, 10, 10, PALE), Label(WIDE - 175, 13, "reference data")]
    marks += [Bar(WIDE - 82, 4, 10, 10), Label(WIDE - 67, 13, "these data")]
    return Picture(WIDE + 20, TOP + HIGH + FOOT, marks)
