"""Columns of time: how long runs of a lane waited, hour by hour, drawn as plain SVG by a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.gates.queue import Waited

WIDTH, HEIGHT = 640, 120
HEAD, FLOOR = 18, 98
GAP = 4
LABELLED = 6  # every so many hours one is named


@dataclass(frozen=True, slots=True)
class Column:
    """One hour: where it stands, how high the longest wait and the mean are, what it says."""

    x: float
    width: float
    top: float
    height: float
    mean_top: float
    mean_height: float
    runs: int
    label: str
    told: str


@dataclass(frozen=True, slots=True)
class Columns:
    """A day of a lane."""

    columns: tuple[Column, ...]
    most: str
    text: str
    width: int = WIDTH
    floor: int = FLOOR
    label_y: int = HEIGHT - 6

    @property
    def view_box(self) -> str:
        return f"0 0 {WIDTH} {HEIGHT}"


def columns(hours: Sequence[Waited]) -> Columns | None:
    """The picture of a day; None where nothing was begun in it."""
    if not any(hour.runs for hour in hours):
        return None
    most = max(hour.longest_seconds for hour in hours)
    step = WIDTH / len(hours)
    drawn = tuple(_column(hour, place, step, most) for place, hour in enumerate(hours))
    text = "; ".join(column.told for column in drawn if column.runs)
    return Columns(drawn, f"{told(most)} at most", text)


def _column(hour: Waited, place: int, step: float, most: float) -> Column:
    longest, mean = (_height(value, most) for value in (hour.longest_seconds, hour.mean_seconds))
    return Column(
        x=round(place * step + GAP / 2, 1),
        width=round(step - GAP, 1),
        top=round(FLOOR - longest, 1),
        height=longest,
        mean_top=round(FLOOR - mean, 1),
        mean_height=mean,
        runs=hour.runs,
        label=f"{hour.hour:%H:%M}" if place % LABELLED == 0 else "",
        told=f"{hour.hour:%H:%M} {hour.runs} run{'s' if hour.runs != 1 else ''}, {told(hour.mean_seconds)} "
        f"on average, {told(hour.longest_seconds)} at most",
    )


def _height(seconds: float, most: float) -> float:
    """At least a line, so that an hour in which nobody waited is seen too."""
    return round(max((FLOOR - HEAD) * seconds / most, 1.0), 1) if most > 0 else 1.0


def told(seconds: float) -> str:
    """A time as people say it: 0.4 s, 12 s, 3 min, 2.5 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
