"""What a report says, before it takes a form: sentences, tables, and where each number comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from apps.access.models import Person

SEALED, MEASURED, RECORDED, COUNTED = "sealed", "measured", "recorded", "counted"


@dataclass(frozen=True, slots=True)
class Cell:
    """One entry of a table: its text, the word for where it comes from, the statement that says so.

    Where it is somebody's name, `person` is their number: what is sealed holds that alone.
    """

    text: str
    provenance: str = ""
    evidence: str = ""
    number: bool = False
    person: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; an empty one says why it is empty."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str = "Nothing is on record."


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences and tables."""

    title: str
    sentences: Sequence[str] = ()
    tables: Sequence[Table] = field(default=())


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report: a page in plain words first, then the sections; and every statement it rests on."""

    title: str
    about: str
    summary: Sequence[str]
    sections: Sequence[Section]
    statements: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """What is attached to the file: the same content, and the statements behind it."""
        return {"kind": "ReportContent", **asdict(self)}


def words(text: object, provenance: str = RECORDED, evidence: str = "") -> Cell:
    """A cell of text."""
    return Cell(str(text) if text not in (None, "") else "–", provenance, evidence)


def who(person: Person, provenance: str = RECORDED, evidence: str = "") -> Cell:
    """A cell with somebody's name."""
    return Cell(str(person), provenance, evidence, person=person.pk)


def number(value: float | int | None, provenance: str, evidence: str = "", *, digits: int = 4) -> Cell:
    """A cell with a number; what is missing is shown as missing."""
    if value is None:
        return Cell("–", provenance, evidence, number=True)
    shown = str(value) if isinstance(value, int) else f"{value:.{digits}f}"
    return Cell(shown, provenance, evidence, number=True)
