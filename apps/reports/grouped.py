"""What of a measurement stands in a table: its groups, else the table that its picture draws.

Groups are plain rows where every name has room, else cells that break.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.reports.charts import columns_of, table_drawn
from apps.reports.documents import rounded

HEAD = ("Group", "n", "Value, 95 % interval", "Ratio")
LONGEST_TABLE = 40
FONTS = Path(settings.BASE_DIR) / "templates" / "reports" / "fonts"
SIZE_PX, ROOM_PX = 8.5 * 96 / 72, 268.0  # as the template sets the rows and their first column
FIGURE_SPACE = "\u2007"  # as wide as a digit


@dataclass(frozen=True, slots=True)
class GroupTable:
    """Rows of text; `plain` ones are set as one line each, which is far quicker than cells."""

    rows: Sequence[Sequence[str]]
    plain: bool
    head: Sequence[str] = HEAD
    left_out: int = 0


def grouped(measurement: Mapping[str, Any] | None) -> GroupTable | None:
    """The table of a measurement's groups, or of what is drawn of it; None where it has neither."""
    groups = (measurement or {}).get("groups") or ()
    if not groups:
        return _drawn(measurement or {})
    rows = [(_label(g), _count(g), _value(g), _digits(g.get("ratio"), 3)) for g in groups]
    widest = max(len(row[1]) for row in rows)
    aligned = [(label, n.rjust(widest, FIGURE_SPACE), *rest) for label, n, *rest in rows]
    return GroupTable(aligned, all(_fits(row[0]) for row in rows))


def _drawn(measurement: Mapping[str, Any]) -> GroupTable | None:
    found = table_drawn(measurement)
    if found is None:
        return None
    names, rows = columns_of(found[1]), found[1]
    shown = [[_shown(row[name]) for name in names] for row in rows[:LONGEST_TABLE]]
    head = [name.replace("_", " ") for name in names]
    return GroupTable(shown, plain=False, head=head, left_out=len(rows) - len(shown))


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return rounded(value) if isinstance(value, float) else str(value)


def _count(group: Mapping[str, Any]) -> str:
    found = group.get("n")
    return "–" if found is None else str(found)


def _label(group: Mapping[str, Any]) -> str:
    name = f"{group['attribute']}: {group['group']}" if group.get("attribute") else str(group["group"])
    shown = "".join(c if c.isprintable() else " " for c in name)
    if group.get("status") == "suppressed":
        return f"{shown}: {group.get('note')}"
    return shown if group.get("status") == "measured" else f"{shown} ({group.get('status')})"


def _value(group: Mapping[str, Any]) -> str:
    low, high = group.get("interval") or (None, None)
    between = "" if low is None or high is None else f" ({_digits(low, 4)} to {_digits(high, 4)})"
    return _digits(group.get("value"), 4) + between


def _digits(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _fits(label: str) -> bool:
    """Whether a name has room in its column; a name of other scripts is set in a font not measured here."""
    return len(label) < 100 and label.isascii() and _font().getlength(label) <= ROOM_PX


@lru_cache(maxsize=1)
def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(str(FONTS / "DejaVuSans.ttf"), SIZE_PX)
