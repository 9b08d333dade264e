"""A report over many things as it is sealed before it is drawn: what each entry said at that moment.

People stand in it by number; their names are put in when the report is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from apps.access.models import Person
from apps.reports.documents import Cell, Document, Section, Table

GONE = "somebody who is not on record any more"


def sealed_form(document: Document) -> dict[str, Any]:
    """The content of a report without the names of people."""
    return {
        "title": document.title,
        "about": document.about,
        "summary": list(document.summary),
        "sections": [_section(section) for section in document.sections],
    }


def _section(section: Section) -> dict[str, Any]:
    tables = [
        {
            "caption": table.caption,
            "head": list(table.head),
            "rows": [[_cell(cell) for cell in row] for row in table.rows],
            "empty": table.empty,
            **({"drawn": table.drawn} if table.drawn else {}),
        }
        for table in section.tables
    ]
    return {"title": section.title, "sentences": list(section.sentences), "tables": tables}


def _cell(cell: Cell) -> dict[str, Any]:
    said: dict[str, Any] = {"person": str(cell.person)} if cell.person else {"text": cell.text}
    more = {"from": cell.provenance, "statement": cell.evidence, "number": cell.number}
    return {**said, **{name: value for name, value in more.items() if value}}


def document_of(said: Mapping[str, Any], digest: str) -> Document:
    """The report that a sealed snapshot says; what has no statement of its own rests on the snapshot."""
    names = {str(p.pk): p for p in Person.objects.filter(pk__in=set(_people(said)))}
    sections = [
        Section(
            section["title"],
            section["sentences"],
            [
                Table(
                    table["caption"],
                    table["head"],
                    [[_told(cell, names, digest) for cell in row] for row in table["rows"]],
                    table["empty"],
                    table.get("drawn", ""),
                )
                for table in section["tables"]
            ],
        )
        for section in said["sections"]
    ]
    return Document(said["title"], said["about"], said["summary"], sections)


def _people(said: Mapping[str, Any]) -> Iterator[str]:
    for section in said["sections"]:
        for table in section["tables"]:
            for row in table["rows"]:
                yield from (cell["person"] for cell in row if "person" in cell)


def _told(cell: Mapping[str, Any], names: Mapping[str, Person], digest: str) -> Cell:
    found = Cell(
        str(cell.get("text", "")),
        cell.get("from", ""),
        cell.get("statement") or digest,
        bool(cell.get("number")),
    )
    if "person" not in cell:
        return found
    person = names.get(cell["person"])
    return replace(found, text=str(person) if person else GONE, person=int(cell["person"]))
