"""What feeds what, drawn in columns: above to the left, the thing itself in the middle, below right."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from apps.inventory.graph import Graph
from apps.inventory.lineage import Thing

WIDTH, HEIGHT = 190, 46
GAP_X, GAP_Y = 70, 16
LONGEST = 26


@dataclass(frozen=True, slots=True)
class Box:
    """A thing as a box: where its corner is, and its two lines."""

    x: int
    y: int
    kind: str
    text: str
    centre: bool

    @property
    def middle(self) -> int:
        return self.x + WIDTH // 2


@dataclass(frozen=True, slots=True)
class Curve:
    """An arrow as a path from the right of one box to the left of another."""

    path: str
    back: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes and curves, in units of the picture."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]


def picture_of(graph: Graph) -> Picture | None:
    """The picture of a graph; None where the thing stands alone."""
    if not graph.arrows:
        return None
    columns: dict[int, list[Thing]] = defaultdict(list)
    for one, place in graph.places.items():
        columns[place].append(one)
    first, tallest = min(columns), max(map(len, columns.values()))
    height = tallest * (HEIGHT + GAP_Y) + GAP_Y
    boxes: dict[Thing, Box] = {}
    for place, things in columns.items():
        free = (height - len(things) * (HEIGHT + GAP_Y) + GAP_Y) // 2
        for row, one in enumerate(things):
            x, y = 8 + (place - first) * (WIDTH + GAP_X), free + row * (HEIGHT + GAP_Y)
            boxes[one] = Box(x, y, one.kind.replace("_", " "), short(one), one == graph.centre)
    curves = tuple(
        _curve(boxes[a.upstream], boxes[a.downstream])
        for a in graph.arrows
        if a.upstream in boxes and a.downstream in boxes
    )
    width = 16 + (max(columns) - first + 1) * (WIDTH + GAP_X) - GAP_X
    return Picture(width, height, tuple(boxes.values()), curves)


def _curve(one: Box, other: Box) -> Curve:
    x1, y1 = one.x + WIDTH, one.y + HEIGHT // 2
    x2, y2 = other.x, other.y + HEIGHT // 2
    bend = max(30, abs(x2 - x1) // 2)
    return Curve(f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}", x2 <= x1)


def short(one: Thing) -> str:
    """A thing's name, cut so that it fits its box; the table beside it has the whole."""
    label = f"@{one.label}" if one.label and not one.label.startswith("sha256:") else ""
    text = f"{one.name or one.label[:19]}{label}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
