"""Taking a list away as a file: written, counted and told of before its first byte leaves."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, Any

from django.db import transaction

from apps.access.models import Person
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.engine.canonical import SAFE_INTEGER
from apps.engine.csv_safe import csv_parts, jsonl_parts, plain_cell
from apps.reports.columns import Table
from apps.reports.lists import may_take
from apps.reports.tables import TABLES

MEDIA: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_LONGEST_CELL = 32_767
_MOST_ROWS = 1_048_575
_WIDTH, _FIRST_YEAR = 18, 1901
_FORMS = ('yyyy-mm-dd hh:mm:ss" UTC"', "yyyy-mm-dd")
_CUT = " … (cut; JSON Lines holds all of it)"

Cells = Iterable[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Exported:
    """A list as a file: what it is called, what it is, how many rows, and its bytes."""

    name: str
    media: str
    rows: int
    digest: str
    file: IO[bytes]


def known_format(text: str) -> str:
    """One of the formats in which a list can be taken away."""
    if text not in MEDIA:
        raise Invalid(f"“{text[:40]}” is no format; there are {', '.join(MEDIA)}.", field="format")
    return text


def export_list(
    *, by: Person, name: str, rows: Iterable[Any], format: str, filters: Mapping[str, str]
) -> Exported:
    """A list in a file of its own, and the event that says who took what."""
    may_take(by, name)
    table, kind = TABLES[name], known_format(format)
    file = tempfile.TemporaryFile(prefix="export-")  # noqa: SIM115 - given out open
    try:
        counted = _Counted(table, rows)
        _WRITERS[kind](table, counted, file)
        file.seek(0)
        found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        _tell(by, name, kind, filters, counted.count, found)
    except BaseException:
        file.close()
        raise
    return Exported(f"{name}.{kind}", MEDIA[kind], counted.count, found, file)


@transaction.atomic
def _tell(by: Person, name: str, kind: str, filters: Mapping[str, str], count: int, found: str) -> None:
    audit.record(
        by=by,
        action=EventName.EXPORT_MADE,
        subject=Ref(type="export", id=str(uuid.uuid4()), name=f"{name}.{kind}", digest=found),
        after={"list": name, "format": kind, "filter": dict(filters), "rows": count, "digest": found},
    )


class _Counted:
    """The cells of a table's rows, counted as they pass."""

    def __init__(self, table: Table, rows: Iterable[Any]) -> None:
        self.count = 0
        self._table, self._rows = table, rows

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._rows:
            self.count += 1
            yield self._table.cells(row, named=True)


def _csv(table: Table, cells: Cells, file: IO[bytes]) -> None:
    file.writelines(csv_parts(table.head, cells))


def _jsonl(table: Table, cells: Cells, file: IO[bytes]) -> None:
    file.writelines(jsonl_parts(table.head, cells))


def _xlsx(table: Table, cells: Cells, file: IO[bytes]) -> None:
    """A workbook written row by row; every text is text, whatever it begins with."""
    if importlib.util.find_spec("xlsxwriter") is None:
        raise Refused("XLSX needs the package xlsxwriter, which is not installed here; CSV needs nothing.")
    told = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = importlib.import_module("xlsxwriter").Workbook(file, told)
    sheet = book.add_worksheet(table.name)
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(table.head) - 1, _WIDTH)
    looks = _Looks(*(book.add_format({"num_format": form}) for form in _FORMS))
    bold = book.add_format({"bold": True})
    for column, title in enumerate(table.head):
        sheet.write_string(0, column, title, bold)
    line = 0
    for line, row in enumerate(cells, 1):
        if line > _MOST_ROWS:
            raise Refused(f"A worksheet holds {_MOST_ROWS} rows, and there are more; take CSV or JSON Lines.")
        for column, value in enumerate(row):
            _cell(sheet, line, column, value, looks)
    sheet.autofilter(0, 0, line, len(table.head) - 1)
    book.close()


@dataclass(frozen=True, slots=True)
class _Looks:
    """How a workbook shows a moment, which is one of UTC, and a day."""

    moment: Any
    day: Any


def _dated(sheet: Any, line: int, column: int, value: date, looks: _Looks) -> bool:
    """Whether the value was written as a date; a worksheet knows none before 1900."""
    if value.year < _FIRST_YEAR:
        return False
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        sheet.write_datetime(line, column, moment, looks.moment)
    else:
        sheet.write_datetime(line, column, value, looks.day)
    return True


def _cell(sheet: Any, line: int, column: int, value: Any, looks: _Looks) -> None:
    if isinstance(value, date) and _dated(sheet, line, column, value, looks):
        return
    found = float(value) if isinstance(value, Decimal) else plain_cell(value)
    if isinstance(found, bool):
        sheet.write_boolean(line, column, found)
    elif isinstance(found, float) or (isinstance(found, int) and abs(found) <= SAFE_INTEGER):
        sheet.write_number(line, column, found)
    elif found is not None:
        sheet.write_string(line, column, _fitting(str(found)))


def _fitting(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - len(_CUT)] + _CUT


_WRITERS: dict[str, Callable[[Table, Cells, IO[bytes]], None]] = {"csv": _csv, "jsonl": _jsonl, "xlsx": _xlsx}
