"""From statements to a PDF/A-3: template, charts, attached evidence; no network, no files but the fonts."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.engine.canonical import digest as digest_of
from apps.reports import charts
from apps.reports.documents import Cell, Document, Table
from apps.reports.grouped import grouped
from apps.reports.laying import picture_of, widths
from apps.reports.painting import Painted
from apps.reports.pictures import Picture
from apps.reports.templates import rendered

FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
PICTURE = "picture:"
TONES = ("pass", "warn", "fail", "missing", "insufficient", "error", "no_policy")
OUTCOMES = {"no_policy": "no policy", "not_applicable": "not applicable"}
ORDER = ("fail", "missing", "insufficient", "warn", "pass", "not_applicable")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A report's bytes and its charts by gate."""

    pdf: bytes
    charts: Mapping[str, tuple[str, str]]


def fonts_folder() -> Path:
    """Where the embedded fonts lie."""
    return Path(settings.BASE_DIR) / "templates" / "reports" / "fonts"


def draw(
    facts: Mapping[str, Any], *, evidence: Mapping[str, Any], made_at: datetime, authority: str = ""
) -> Drawn:
    """Draw the validation report of these facts, with the evidence attached as JSON."""
    gates = sorted(facts["decision"]["gates"], key=lambda g: (_rank(g["outcome"]), g["id"]))
    pictures = {g["id"]: found for g in gates if (found := charts.chart_of(g)) is not None}
    context = {
        **facts,
        "lines": [_line(gate, pictures) for gate in gates],
        "summary": summary(facts["decision"]),
        "authority": authority,
        "made_at": made_at,
        "fonts": font_faces(),
        "foot": f"Decision {facts['decision_digest']}",
    }
    html = rendered("validation.html", context)
    titles = {g["id"]: str(g.get("title") or g["id"]) for g in gates}
    svgs = {gate: (titles[gate], found.svg()) for gate, found in pictures.items()}
    return Drawn(_pdf(html, evidence, made_at, pictures), svgs)


@dataclass(frozen=True, slots=True)
class Made:
    """A report in its forms."""

    pdf: bytes
    page: str


def draw_document(document: Document, *, made_at: datetime, authority: str = "") -> Made:
    """A report of any kind as a page and as PDF, its content attached as JSON."""
    content = document.as_json()
    marks: dict[str, int] = {}
    pictures: list[Picture] = []
    sections = [
        {
            "title": section.title,
            "sentences": section.sentences,
            "tables": [_shown(table, marks, pictures, document.statements) for table in section.tables],
        }
        for section in document.sections
    ]
    said = {name: getattr(document, name) for name in ("title", "about", "summary")}
    digest = digest_of(json.dumps(content, sort_keys=True, ensure_ascii=False).encode())
    context = {
        "document": {**said, "sections": sections},
        "digest": digest,
        "foot": f"Content {digest}",
        "evidence": [
            (mark, one, f"{settings.BASE_URL}/api/v1/statements/{one}") for one, mark in marks.items()
        ],
        "made_at": made_at,
        "authority": authority,
        "fonts": font_faces(),
    }
    painted = {str(place): one for place, one in enumerate(pictures)}
    pdf = _pdf(rendered("document.html", context), content, made_at, painted)
    inline = [one.svg() for one in pictures]
    return Made(pdf, rendered("document.html", {**context, "fonts": [], "inline": inline}))


def _shown(
    table: Table, marks: dict[str, int], pictures: list[Picture], statements: Mapping[str, Any]
) -> dict[str, Any]:
    """A table as the page has it: widths of its columns, and the place of its picture among all, if any."""
    drawn = picture_of(table, statements)
    pictures += [drawn] if drawn else []
    told = {
        "drawn": table.drawn,
        "told": table.told,
        "place": len(pictures) - 1,
        "picture": drawn and f"{PICTURE}{len(pictures) - 1}",
    }
    numbers = [bool(table.rows) and all(row[n].number for row in table.rows) for n in range(len(table.head))]
    marked = _marked(table, marks)
    heads = [
        {
            "name": name,
            "number": numbers[n],
            "source": None if marked["source"] else _source(marked["rows"], n),
        }
        for n, name in enumerate(table.head)
    ]
    for row in marked["rows"]:
        for cell, head in zip(row, heads, strict=True):
            cell["told"] = not (marked["source"] or head["source"])
    return {**marked, **told, "heads": heads, "widths": widths(table)}


def _source(rows: Sequence[Sequence[Mapping[str, Any]]], column: int | None = None) -> dict[str, Any] | None:
    """Where all entries come from, of a table or of one column of several rows; None where they differ."""
    if column is not None and len(rows) < 2:
        return None
    cells = [cell for row in rows for n, cell in enumerate(row) if column in (None, n)]
    found = {(cell["provenance"], cell["mark"]) for cell in cells if cell["provenance"]}
    if len(found) != 1:
        return None
    provenance, mark = found.pop()
    return {"provenance": provenance, "mark": mark}


def _marked(table: Table, marks: dict[str, int]) -> dict[str, Any]:
    """A table whose cells name their statements by number; once for all where they come from one place."""
    rows = [[_entry(cell, marks) for cell in row] for row in table.rows]
    told = {"caption": table.caption, "head": table.head, "empty": table.empty}
    return {**told, "rows": rows, "source": _source(rows)}


def _entry(cell: Cell, marks: dict[str, int]) -> dict[str, Any]:
    mark = marks.setdefault(cell.evidence, len(marks) + 1) if cell.evidence else 0
    tone = cell.text if cell.text in TONES else ""
    return {**asdict(cell), "text": OUTCOMES.get(cell.text, cell.text), "mark": mark, "tone": tone}


def font_faces() -> list[tuple[str, str]]:
    """The address and weight of each shipped font."""
    return [(f"{fonts_folder().as_uri()}/{name}", "bold" if "Bold" in name else "normal") for name in FONTS]


def _line(gate: Mapping[str, Any], pictures: Mapping[str, Picture]) -> dict[str, Any]:
    """A gate, the name under which the page finds its picture (no address that opens), and its groups."""
    found = f"{PICTURE}{list(pictures).index(gate['id'])}" if gate["id"] in pictures else ""
    told = OUTCOMES.get(gate["outcome"], gate["outcome"])
    return {"gate": gate, "outcome": told, "picture": found, "groups": grouped(gate.get("measurement"))}


def _rank(outcome: str) -> int:
    return ORDER.index(outcome) if outcome in ORDER else len(ORDER)


def summary(decision: Mapping[str, Any]) -> list[str]:
    """The result in sentences that need no training in statistics."""
    counts = {o: sum(g["outcome"] == o for g in decision["gates"]) for o in ORDER}
    words = {
        "pass": "The version meets every requirement that was checked.",
        "fail": "The version does not meet at least one requirement and must not be used as it stands.",
        "insufficient": "The data do not suffice to say that the version meets its requirements.",
        "error": "The requirements could not be checked.",
        "no_policy": "No policy applies to this model, so nothing permits its use.",
    }
    total = len(decision["gates"]) - counts["not_applicable"]
    told = [words.get(decision["outcome"], "The outcome is unknown.")]
    told.append(
        f"{counts['pass'] + counts['warn']} of {total} requirements are met, {counts['fail']} are not."
    )
    if counts["not_applicable"]:
        told.append(
            f"{counts['not_applicable']} more {_do(counts['not_applicable'])} not apply to this model."
        )
    if counts["insufficient"] + counts["missing"]:
        told.append(
            f"{counts['insufficient'] + counts['missing']} could not be measured, which counts as not met."
        )
    told += [g["why"] for g in decision["gates"] if g["outcome"] in ("fail", "missing", "insufficient")]
    return told


def _do(count: int) -> str:
    return "does" if count == 1 else "do"


def _pdf(
    html: str, evidence: Mapping[str, Any], made_at: datetime, pictures: Mapping[str, Picture] | None = None
) -> bytes:
    from weasyprint import HTML, Attachment

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it warns of every table that it drops
    attached = Attachment(
        string=json.dumps(evidence, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False),
        name="evidence.json",
        description="The sealed statements that this report is drawn from",
        relationship="Data",
        created=made_at,
        modified=made_at,
    )
    page = HTML(string=html, url_fetcher=_fonts_only(), base_url=None)
    painted = {f"{PICTURE}{n}": Painted(one) for n, one in enumerate((pictures or {}).values())}
    with _undisturbed():
        pdf: bytes = page.write_pdf(
            pdf_variant="pdf/a-3a", attachments=[attached], cache=painted, finisher=_with_scopes
        )
    return pdf


def _with_scopes(_: object, pdf: Any) -> None:
    """Say of each head that no cell names that it is the head of its column."""
    for one in pdf.objects:
        if isinstance(one, dict) and one.get("S") == "/TH" and "ID" not in one:
            one["A"]["Scope"] = "/Column"


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without looking for garbage among the millions of small things that are needed to the end."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _fonts_only() -> Any:
    from weasyprint.urls import URLFetcher

    allowed = {f"{fonts_folder().as_uri()}/{name}" for name in FONTS}

    class FontsOnly(URLFetcher):  # type: ignore[misc]
        """Opens the shipped fonts, whatever a name or a sentence says."""

        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
            if url not in allowed:
                raise ValueError("A report opens no address and no file.")
            return super().fetch(url, headers)

    return FontsOnly(allowed_protocols={"file"}, allow_redirects=False)
