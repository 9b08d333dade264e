"""What a report says, before it takes a form: sentences, tables, and where each number comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from apps.access.models import Person

SEALED, MEASURED, RECORDED, COUNTED = "sealed", "measured", "recorded", "counted"
SELF_REPORTED = "self-reported"


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
    """Rows under a head; an empty one says why it is empty. The column `drawn` is also shown as bars.

    `pictured` is the statement whose measurement is drawn above the rows, with its `bound`; `told` are
    sentences below them.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str = "Nothing is on record."
    drawn: str = ""
    pictured: str = ""
    bound: Mapping[str, Any] = field(default_factory=dict)
    told: Sequence[str] = ()


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
    """A cell of text; one that has none comes from nowhere."""
    return Cell(str(text), provenance, evidence) if text not in (None, "") else Cell("–")


def rounded(value: float, digits: int = 4) -> str:
    """A number with so many digits after its point; fewer where many stand before it.

    >>> rounded(0.72984), rounded(181.25137), rounded(78416.9002), rounded(0.00001234)
    ('0.7298', '181.25', '78417', '1.23e-05')
    """
    if value and abs(value) < 10**-digits / 2:
        return f"{value:.3g}"
    return f"{value:.{max(0, digits - len(str(int(abs(value)))) + 1)}f}"


def label(text: object) -> Cell:
    """The name of what stands beside it, which nothing has to prove."""
    return Cell(str(text))


def many(count: int, one: str, more: str) -> str:
    """A number and its noun.

    >>> many(0, "finding is", "findings are"), many(1, "finding is", "findings are")
    ('No finding is', '1 finding is')
    """
    return f"{count or 'No'} {one if count < 2 else more}"


def who(person: Person, provenance: str = RECORDED, evidence: str = "") -> Cell:
    """A cell with somebody's name."""
    return Cell(str(person), provenance, evidence, person=person.pk)


def number(value: float | int | None, provenance: str, evidence: str = "", *, digits: int = 4) -> Cell:
    """A cell with a number; what is missing is shown as missing."""
    if value is None:
        return Cell("–", provenance, evidence, number=True)
    shown = f"{value:,}" if isinstance(value, int) else rounded(value, digits)
    return Cell(shown, provenance, evidence, number=True)
