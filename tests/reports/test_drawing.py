"""The PDF of a validation report: tagged, the same for the same facts, its pictures and rows readable."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from pypdf import PdfReader

from apps.reports.drawing import draw
from apps.reports.grouped import grouped
from tests.bench.jobs_report import _facts

AT = datetime(2026, 11, 1, tzinfo=UTC)
pytestmark = pytest.mark.slow


def drawn(groups: int = 3, name: str = "group") -> PdfReader:
    facts = _facts(1, groups)
    for row in facts["decision"]["gates"][0]["measurement"]["groups"]:
        row["group"] = row["group"].replace("group", name)
    return PdfReader(io.BytesIO(draw(facts, evidence={}, made_at=AT).pdf))


def structure(reader: PdfReader) -> list[dict[str, Any]]:
    """Every element of the tree that tells what is a table, a row, a cell, a picture."""
    root: Any = reader.root_object
    found, left = [], [root["/StructTreeRoot"]["/K"]]
    while left:
        one = left.pop()
        one = one.get_object() if hasattr(one, "get_object") else one
        if isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            found += [one] if one.get("/Type") == "/StructElem" else []
            left.append(one.get("/K", []))
    return found


def cells(reader: PdfReader, last: int) -> list[int]:
    """How many cells the rows of the last table have, whose cells number so many."""
    rows = [e for e in structure(reader) if e["/S"] == "/TR"]
    counted = [
        sum(k.get_object().get("/S") in ("/TD", "/TH") for k in row["/K"] if hasattr(k, "get_object"))
        for row in rows
    ]
    return [count for count in counted if count == last]


@pytest.mark.parametrize("name", ["group", "a group whose name is far too long for its column; " * 2])
def test_groups_stay_a_table_of_rows_and_cells_with_named_heads(name: str) -> None:
    reader = drawn(name=name)
    assert len(cells(reader, 4)) == 1 + 3
    heads = [e for e in structure(reader) if e["/S"] == "/TH"]
    assert all("/ID" in e or e["/A"]["/Scope"] == "/Column" for e in heads)


def test_pictures_are_figures_with_words_and_their_labels_can_be_read() -> None:
    reader = drawn(groups=5)
    (figure,) = [e for e in structure(reader) if e["/S"] == "/Figure"]
    assert "table below" in figure["/Alt"]
    told = "".join(page.extract_text() for page in reader.pages)
    assert told.count("region: group 004") == 2
    assert "value with 95 % interval" in told
    pages: list[Any] = list(reader.pages)
    fonts = {font["/BaseFont"][8:] for page in pages for font in page["/Resources"]["/Font"].values()}
    assert {"Report", "Report-Bold"} <= fonts <= {"Report", "Report-Bold", "Report-Oblique"}


def test_the_same_facts_give_the_same_bytes() -> None:
    once, again = (draw(_facts(1, 3), evidence={"a": 1}, made_at=AT).pdf for _ in range(2))
    assert once == again


def test_a_group_says_what_is_missing() -> None:
    few = {"attribute": "", "group": "x", "n": 3, "value": None, "ratio": None, "status": "too_few"}
    table = grouped({"groups": [few, {**few, "group": "y", "n": 1000, "value": 0.5, "interval": [0.4, 0.6]}]})
    assert table is not None
    assert [row[0] for row in table.rows] == ["x (too_few)", "y (too_few)"]
    assert table.rows[0][1:] == ("\u2007\u2007\u20073", "–", "–")
    assert table.rows[1][2] == "0.5000 (0.4000 to 0.6000)"
