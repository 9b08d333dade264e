"""How a table of a report lies on the page: the widths of its columns, and the bars of one of them."""

from __future__ import annotations

import math

from apps.reports import bars
from apps.reports.documents import Cell, Table
from apps.reports.pictures import Picture

MOST_BARS = 30
# Letters: what a column needs at least for the word of where an entry comes from, and at most for one word.
LEAST, LONGEST_WORD, LONGEST_TEXT = 11, 22, 160


def widths(table: Table) -> list[float]:
    """Each column's share of the page in percent: more for longer texts, enough for a word.

    >>> widths(Table("Who", ("Name", "Why"), [[Cell("Dana"), Cell("because of this and that " * 4)]]))
    [28.0, 72.0]
    """
    columns = zip(table.head, *([c.text for c in row] for row in table.rows), strict=True)
    needed = [_needed(texts) for texts in columns]
    return [round(100 * one / sum(needed), 1) for one in needed]


def _needed(texts: tuple[str, ...]) -> float:
    word = max(len(w) for text in texts for w in (text.split() or [""]))
    middle = sum(min(len(text), LONGEST_TEXT) for text in texts[1:]) / max(1, len(texts) - 1)
    return max(LEAST, min(word, LONGEST_WORD), 2 * math.sqrt(middle) + middle / 12)


def bars_of(table: Table) -> Picture | None:
    """A bar for each row of the column that is to be drawn; nothing where there is nothing to compare."""
    if table.drawn not in table.head or not 1 < len(table.rows) <= MOST_BARS:
        return None
    place = list(table.head).index(table.drawn)
    found = [(row[0].text, value) for row in table.rows if (value := _value(row[place])) is not None]
    return bars.lying(table.caption, table.drawn, found) if len(found) > 1 else None


def _value(cell: Cell) -> float | None:
    try:
        found = float(cell.text)
    except ValueError:
        return None
    return found if cell.number and math.isfinite(found) else None
