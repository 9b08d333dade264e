"""Pictures painted straight into a PDF.

The renderer would set each letter of a picture by itself, and each label in a layer of its own; that takes
longer than the pages. What is painted here is known, so one line of text is set at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from apps.reports.pictures import FONT, Bar, Dot, Label, Line, Mark, Picture

ROUND = 0.5523  # how far the handles of four curves stand from their ends, so that they make a circle


class Painted:
    """A picture as the renderer takes images: it asks for a size, and to be drawn."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def get_intrinsic_size(self, resolution: float, font_size: float) -> tuple[float, float, float]:
        """Width, height, and their ratio."""
        width, height = self._picture.width, self._picture.height
        return width, height, width / height

    def draw(self, stream: Any, width: float, height: float, style: Any) -> None:
        """Paint all marks on a page's stream, within the given size."""
        stream.transform(a=width / self._picture.width, d=height / self._picture.height)
        for mark in self._picture.marks:
            _paint(stream, mark, style)


def _paint(stream: Any, mark: Mark, style: Any) -> None:
    match mark:
        case Line():
            stream.set_color(_colour(mark.colour), stroke=True)
            stream.set_line_width(mark.width)
            stream.move_to(mark.x1, mark.y1)
            stream.line_to(mark.x2, mark.y2)
            stream.stroke()
        case Bar():
            stream.set_color(_colour(mark.colour))
            stream.rectangle(mark.x, mark.y, mark.width, mark.height)
            stream.fill()
        case Dot():
            stream.set_color(_colour(mark.colour))
            _circle(stream, mark)
            stream.fill()
        case Label():
            _text(stream, mark, style)


def _circle(stream: Any, dot: Dot) -> None:
    x, y, r, k = dot.x, dot.y, dot.radius, dot.radius * ROUND
    stream.move_to(x + r, y)
    stream.curve_to(x + r, y + k, x + k, y + r, x, y + r)
    stream.curve_to(x - k, y + r, x - r, y + k, x - r, y)
    stream.curve_to(x - r, y - k, x - k, y - r, x, y - r)
    stream.curve_to(x + k, y - r, x + r, y - k, x + r, y)


def _text(stream: Any, label: Label, style: Any) -> None:
    from weasyprint.draw.text import draw_first_line
    from weasyprint.matrix import Matrix
    from weasyprint.svg.text import TextBox
    from weasyprint.text.line_break import create_layout, line_size

    look = _look(style, label)
    layout = create_layout(label.shown, look, None, None, 0)
    line, _ = layout.get_first_line()
    width, _ = line_size(line, look)
    x = label.x - {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    stream.set_color(_colour(label.colour))
    stream.begin_text()
    draw_first_line(stream, TextBox(layout, look), "none", "none", Matrix(d=-1, e=x, f=label.y))
    stream.end_text()


def _look(style: Any, label: Label) -> Any:
    from weasyprint.css.properties import INITIAL_VALUES
    from weasyprint.svg.text import Style

    look = Style(INITIAL_VALUES)
    look.font_config = style.font_config
    look["font_family"] = ["Report", FONT]
    look["font_size"] = label.size
    look["font_weight"] = 700 if label.bold else 400
    return look


@lru_cache(maxsize=64)
def _colour(name: str) -> Any:
    from tinycss2.color5 import parse_color

    return parse_color(name)
