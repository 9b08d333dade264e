"""How much of a table is read, and the refusals that every format shares."""

from __future__ import annotations

from collections.abc import Sequence

from apps.engine.errors import BadInput

MAX_ROWS = 20_000_000_000
MAX_CELLS = 1_000_000_000_000
MAX_COLUMNS = 10_000
MAX_TEXT = 16 << 30
HELD_ROWS = 1 << 21  # beyond these a table is read as summaries and samples, never held
HELD_CELLS = 1 << 27
HELD_TEXT = 1 << 30  # bytes of a CSV
TUPLES = 1 << 21  # different tuples that a summary keeps before its scores go to a grid
VALUES = 1 << 17  # different values that are kept of a column looked at by itself
HELD_VALUES = 100_000_000  # what a check without a summary may hold of such a table
MAX_COLUMN_TEXT = (2 << 30) - 1
MAX_BATCH_TEXT = 512 << 20  # written out, of the rows read at once
MAX_LINE = 16 << 20


def distinct(names: Sequence[str], name: str) -> None:
    """Refuse a table with a column name twice."""
    seen: set[str] = set()
    for column in names:
        if column in seen:
            raise BadInput(f'{name} has the column "{column}" twice.')
        seen.add(column)


def within(rows: int, columns: int, name: str) -> None:
    """Refuse more rows, columns or cells than the budget."""
    if columns > MAX_COLUMNS:
        raise BadInput(f"{name} has {columns:,} columns; at most {MAX_COLUMNS:,} are read.")
    if rows > MAX_ROWS or rows * columns > MAX_CELLS:
        raise BadInput(
            f"{name} has {rows:,} rows of {columns:,} columns; at most {MAX_ROWS:,} rows "
            f"and {MAX_CELLS:,} cells are read."
        )


def large(rows: int, columns: int) -> bool:
    """Whether a table of this size is summed up part by part."""
    return rows > HELD_ROWS or rows * columns > HELD_CELLS


def too_much_text(column: str, name: str = "") -> str:
    """The refusal of a text column that would not fit into memory."""
    where = f"{name}: the" if name else "The"
    return f'{where} column "{column}" unpacks to more than {MAX_COLUMN_TEXT / (1 << 30):.0f} GiB of text.'


def one_line(problem: BaseException) -> str:
    """The message of a library's error on one line."""
    return " ".join(str(problem).split())[:300]
