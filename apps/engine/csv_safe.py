"""Tables for spreadsheets: text that a spreadsheet would obey is made text again; numbers stay numbers."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from apps.engine.canonical import rfc3339

# What a spreadsheet takes for the beginning of a formula, also behind blanks that it skips.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CONTROL: Final = {c: None for c in range(32) if chr(c) not in "\t\r\n"}


def plain_cell(value: Any) -> str | int | float | bool | None:
    """One value as a cell may hold it: a number, true or false, nothing, or text.

    Examples
    --------
    >>> plain_cell(Decimal("12.50")), plain_cell(["a", "b"]), plain_cell(None)
    ('12.50', 'a; b', None)
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (list, tuple, set, frozenset)):
        return "; ".join(str(plain_cell(inner)) for inner in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)


def safe_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe stands before what looks like one.

    Examples
    --------
    >>> safe_text("=1+1"), safe_text("-12.5"), safe_text("credit-pd"), safe_text(" @SUM(A1)")
    ("'=1+1", '-12.5', 'credit-pd', "' @SUM(A1)")
    """
    cleaned = text.translate(_CONTROL)
    begins = cleaned.lstrip(" \u00a0\u200b\ufeff").startswith(_FORMULA)
    return f"'{cleaned}" if begins and not _is_number(cleaned) else cleaned


def _is_number(text: str) -> bool:
    """Whether all of it is a number in plain digits, which is no formula whatever sign it bears."""
    digits = text[1:] if text[:1] in "+-" else text
    whole, _, part = digits.partition(".")
    return digits.isascii() and whole.isdigit() and (not part or part.isdigit())


def csv_parts(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    r"""A CSV file in parts, one for each row: UTF-8 with a mark that spreadsheets ask for.

    Examples
    --------
    >>> b"".join(csv_parts(["name", "n"], [["=x", 3]]))
    b"\xef\xbb\xbfname,n\r\n'=x,3\r\n"
    """
    yield "\ufeff".encode() + _line([safe_text(name) for name in head])
    for row in rows:
        yield _line([_cell(value) for value in row])


def _cell(value: Any) -> Any:
    found = plain_cell(value)
    if isinstance(found, bool):
        return "true" if found else "false"
    return safe_text(found) if isinstance(found, str) else found


def _line(cells: Sequence[Any]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode("utf-8", "replace")


def jsonl_parts(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    r"""JSON Lines, one object for each row; nothing is prefixed, since nothing there is obeyed.

    Examples
    --------
    >>> b"".join(jsonl_parts(["name", "n"], [["=x", 3]]))
    b'{"name": "=x", "n": 3}\n'
    """
    for row in rows:
        told = dict(zip(head, map(_json_value, row), strict=True))
        yield json.dumps(told, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace") + b"\n"


def _json_value(value: Any) -> Any:
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json_value(inner) for inner in value]
    if isinstance(value, dict):
        return json.loads(json.dumps(value, default=str))
    return plain_cell(value)
