"""Pictures as dots, for programs that take neither SVG nor our own marks."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

from apps.reports.grouped import FONTS
from apps.reports.pictures import Bar, Dot, Label, Line, Mark, Picture

SHARP = 2  # dots a unit


def png(picture: Picture) -> bytes:
    """A picture on white; the same marks give the same bytes."""
    from PIL import Image, ImageDraw

    size = (round(picture.width * SHARP), round(picture.height * SHARP))
    image = Image.new("RGB", size, "white")
    canvas = ImageDraw.Draw(image)
    for mark in picture.marks:
        _put(canvas, mark)
    out = io.BytesIO()
    image.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()


def _put(canvas: Any, mark: Mark) -> None:
    match mark:
        case Line():
            ends = [value * SHARP for value in (mark.x1, mark.y1, mark.x2, mark.y2)]
            canvas.line(ends, fill=mark.colour, width=max(1, round(mark.width * SHARP)))
        case Bar():
            corner = (mark.x + mark.width, mark.y + mark.height)
            canvas.rectangle([v * SHARP for v in (mark.x, mark.y, *corner)], fill=mark.colour)
        case Dot():
            edge = (mark.x - mark.radius, mark.y - mark.radius, mark.x + mark.radius, mark.y + mark.radius)
            canvas.ellipse([v * SHARP for v in edge], fill=mark.colour)
        case Label():
            place = (mark.x * SHARP, mark.y * SHARP)
            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[mark.anchor]
            font = _font(mark.size * SHARP, bold=mark.bold)
            canvas.text(place, mark.shown, fill=mark.colour, font=font, anchor=anchor)


@lru_cache(maxsize=16)
def _font(size: int, *, bold: bool) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(str(FONTS / f"DejaVuSans{'-Bold' if bold else ''}.ttf"), size)
