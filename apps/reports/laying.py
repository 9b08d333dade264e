"""How a table of a report lies on the page: the widths of its columns, and its picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from apps.reports import bars, charts
from apps.reports.documents import Cell, Table
from apps.reports.pictures import Picture

MOST_BARS = 30
# Letters: what a column needs at least for the word of where an entry comes from, and at most for one word.
# That word stands in no column where all entries come from one place.
LEAST, FEWEST, LONGEST_WORD, LONGEST_TEXT = 11, 6, 22, 160


def widths(table: Table) -> list[float]:
    """Each column's share of the page in percent: more for longer texts, enough for a word.

    >>> widths(Table("Who", ("Name", "Why"), [[Cell("Dana"), Cell("because of this and that " * 4)]]))
    [17.5, 82.5]
    """
    columns = zip(table.head, *([c.text for c in row] for row in table.rows), strict=True)
    places = {(c.provenance, c.evidence) for row in table.rows for c in row if c.provenance}
    least = LEAST if len(places) > 1 else FEWEST
    needed = [_needed(texts, least) for texts in columns]
    return [round(100 * one / sum(needed), 1) for one in needed]


def _needed(texts: tuple[str, ...], least: int) -> float:
    word = max(len(w) for text in texts for w in (text.split() or [""]))
    middle = sum(min(len(text), LONGEST_TEXT) for text in texts[1:]) / max(1, len(texts) - 1)
    return max(least, min(word + 2, LONGEST_WORD), 2 * math.sqrt(middle) + middle / 12)


def picture_of(table: Table, statements: Mapping[str, Any]) -> Picture | None:
    """What stands above a table: the measurement that it names, drawn with its bound; else bars."""
    sealed = statements.get(table.pictured)
    if sealed is None:
        return bars_of(table)
    gate = {"id": table.caption, "bound": table.bound, "measurement": sealed["predicate"]["measurement"]}
    return charts.chart_of(gate)


def bars_of(table: Table) -> Picture | None:
    """A bar for each row of the column that is to be drawn; nothing where there is nothing to compare."""
    if table.drawn not in table.head or not 1 < len(table.rows) <= MOST_BARS:
        return None
    place = list(table.head).index(table.drawn)
    found = [(_named(row), value) for row in table.rows if (value := _value(row[place])) is not None]
    return bars.lying(table.caption, table.drawn, found) if len(found) > 1 else None


def _named(row: Sequence[Cell]) -> str:
    """What a row is called: the entries before its first number."""
    return ", ".join(cell.text for cell in takewhile(lambda cell: not cell.number, row)) or row[0].text


def _value(cell: Cell) -> float | None:
    try:
        found = float(cell.text.replace(",", ""))
    except ValueError:
        return None
    return found if cell.number and math.isfinite(found) else None
