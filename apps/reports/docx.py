"""A report as an editable text document (WordprocessingML): headings, sentences, tables, nothing active.

It is a copy to work with. What was sealed and signed is the PDF, and the first line says so.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MEDIA = "application/vnd.openxmlformats-officedocument.wordprocessingml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_FORBIDDEN = re.compile(r"[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")

_TYPES = (
    f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/word/document.xml" ContentType="{MEDIA}.document.main+xml"/>'
    f'<Override PartName="/word/styles.xml" ContentType="{MEDIA}.styles+xml"/></Types>'
)
_ROOT = (
    f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
)
_PARTS = (
    f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>'
)
_STYLES = (
    f'{HEAD}<w:styles xmlns:w="{WORDS}">'
    + "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/>'
        f'<w:pPr>{outline}</w:pPr><w:rPr><w:b/><w:sz w:val="{size}"/></w:rPr></w:style>'
        for key, name, outline, size in (
            ("Title", "Title", "", 40),
            ("Heading1", "heading 1", '<w:outlineLvl w:val="0"/>', 28),
            ("Heading2", "heading 2", '<w:outlineLvl w:val="1"/>', 22),
        )
    )
    + "</w:styles>"
)


def docx(content: Mapping[str, Any], *, digest: str) -> bytes:
    """The document of a report's content, as it is attached to the sealed PDF of that digest."""
    body = "".join(_body(content, digest))
    document = f'{HEAD}<w:document xmlns:w="{WORDS}"><w:body>{body}<w:sectPr/></w:body></w:document>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in (
            ("[Content_Types].xml", _TYPES),
            ("_rels/.rels", _ROOT),
            ("word/_rels/document.xml.rels", _PARTS),
            ("word/styles.xml", _STYLES),
            ("word/document.xml", document),
        ):
            file.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _body(content: Mapping[str, Any], digest: str) -> Iterator[str]:
    yield _paragraph(str(content["title"]), "Title")
    yield _paragraph(str(content["about"]))
    yield _paragraph(f"A copy to work with. What was sealed is the PDF with the digest {digest}.")
    yield _paragraph("In plain words", "Heading1")
    yield from map(_paragraph, content["summary"])
    for section in content["sections"]:
        yield _paragraph(section["title"], "Heading1")
        yield from map(_paragraph, section["sentences"])
        for table in section["tables"]:
            yield _paragraph(table["caption"], "Heading2")
            yield _table(table) if table["rows"] else _paragraph(table["empty"])


def _table(table: Mapping[str, Any]) -> str:
    rows = [_row(table["head"], bold=True), *(_row([_cell(c) for c in row]) for row in table["rows"])]
    sides = ("top", "left", "bottom", "right", "insideH", "insideV")
    borders = "".join(f'<w:{side} w:val="single" w:sz="4"/>' for side in sides)
    grid = "<w:gridCol/>" * len(table["head"])
    settings = f'<w:tblPr><w:tblW w:w="5000" w:type="pct"/><w:tblBorders>{borders}</w:tblBorders></w:tblPr>'
    return f"<w:tbl>{settings}<w:tblGrid>{grid}</w:tblGrid>{''.join(rows)}</w:tbl>{_paragraph('')}"


def _cell(cell: Mapping[str, Any]) -> str:
    return f"{cell['text']} ({cell['provenance']})" if cell["provenance"] else str(cell["text"])


def _row(texts: Sequence[str], *, bold: bool = False) -> str:
    head = "<w:trPr><w:tblHeader/></w:trPr>" if bold else ""
    cells = "".join(f"<w:tc><w:tcPr/>{_paragraph(text, bold=bold)}</w:tc>" for text in texts)
    return f"<w:tr>{head}{cells}</w:tr>"


def _paragraph(text: str, style: str = "", *, bold: bool = False) -> str:
    shown = escape(_FORBIDDEN.sub("�", str(text)))
    named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    weight = "<w:rPr><w:b/></w:rPr>" if bold else ""
    return f'<w:p>{named}<w:r>{weight}<w:t xml:space="preserve">{shown}</w:t></w:r></w:p>'
