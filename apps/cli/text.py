"""Plain text for terminals: aligned tables, numbers, and nothing that a terminal would obey."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import Any


def safe(text: object) -> str:
    """The text with control characters and direction marks written out.

    >>> safe("a\\x1b[31m")
    'a\\\\x1b[31m'
    """
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in str(text)
    )


def number(value: Any) -> str:
    """A number to four significant digits; whole numbers in full; a dash for none.

    >>> number(0.123456), number(12345), number(None), number(1234.5678)
    ('0.1235', '12,345', '-', '1,235')
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return safe(value)
    if value.is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}" if abs(value) >= 10 else f"{value:g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def interval(pair: Sequence[float | None] | None) -> str:
    """An interval, or nothing.

    >>> interval([0.5, None])
    '0.5 to -'
    """
    return "" if pair is None else f"{number(pair[0])} to {number(pair[1])}"


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), indent: str = "  ") -> list[str]:
    """Rows of cells as aligned lines; the columns in `right` are set flush right."""
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines


def wrapped(text: str, *, indent: str = "  ") -> list[str]:
    """A paragraph as lines of the terminal's width; lines of its own stay, with their indent."""
    width = max(40, min(shutil.get_terminal_size((100, 24)).columns, 120))
    lines = []
    for line in safe(text).split("\n"):
        margin = indent + line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=margin)
    return lines or [indent.rstrip()]
