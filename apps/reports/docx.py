"""A report as an editable text document (WordprocessingML): headings, sentences, tables, pictures.

Nothing in it is active. It is a copy to work with. What was sealed and signed is the PDF, and the first
line says so.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from apps.reports.documents import Cell, Table
from apps.reports.laying import picture_of
from apps.reports.pictures import Picture
from apps.reports.rasters import png

WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MEDIA = "application/vnd.openxmlformats-officedocument.wordprocessingml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_FORBIDDEN = re.compile(r"[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")

_MADE = (1980, 1, 1, 0, 0, 0)
_PAGE = (
    '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/>'
    '<w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="567" w:footer="567" '
    'w:gutter="0"/></w:sectPr>'
)
_TYPES = (
    f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="png" ContentType="image/png"/>'
    f'<Override PartName="/word/document.xml" ContentType="{MEDIA}.document.main+xml"/>'
    f'<Override PartName="/word/styles.xml" ContentType="{MEDIA}.styles+xml"/></Types>'
)
_ROOT = (
    f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
    f'Type="{OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
)
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006"
EMU = 9525  # of a picture's unit
WIDEST = 600.0  # units between the margins
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
    pictures: list[Picture] = []
    body = "".join(_body(content, digest, pictures))
    spaces = f'xmlns:w="{WORDS}" xmlns:r="{OFFICE}" xmlns:a="{DRAWING}/main"'
    document = f"{HEAD}<w:document {spaces}><w:body>{body}{_PAGE}</w:body></w:document>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in (
            ("[Content_Types].xml", _TYPES),
            ("_rels/.rels", _ROOT),
            ("word/_rels/document.xml.rels", _parts(len(pictures))),
            ("word/styles.xml", _STYLES),
            ("word/document.xml", document),
        ):
            file.writestr(zipfile.ZipInfo(name, _MADE), text, zipfile.ZIP_DEFLATED)
        for number, one in enumerate(pictures):
            file.writestr(zipfile.ZipInfo(f"word/media/{number}.png", _MADE), png(one), zipfile.ZIP_STORED)
    return out.getvalue()


def _parts(pictures: int) -> str:
    one = '<Relationship Id="{}" Type="{}/{}" Target="{}"/>'
    told = [one.format("r1", OFFICE, "styles", "styles.xml")]
    told += [one.format(f"p{n}", OFFICE, "image", f"media/{n}.png") for n in range(pictures)]
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{"".join(told)}</Relationships>'


def _body(content: Mapping[str, Any], digest: str, pictures: list[Picture]) -> Iterator[str]:
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
            yield from map(_paragraph, table.get("told") or ())
            yield from _picture(table, content.get("statements") or {}, pictures)
            yield _table(table) if table["rows"] else _paragraph(table["empty"])


def _picture(
    table: Mapping[str, Any], statements: Mapping[str, Any], pictures: list[Picture]
) -> Iterator[str]:
    """The picture of a table in a paragraph of its own, kept with it."""
    rows = [[Cell(**cell) for cell in row] for row in table["rows"]]
    drawn = picture_of(Table(**{**table, "rows": rows}), statements)
    if drawn is None:
        return
    share = min(1.0, WIDEST / drawn.width)
    size = f'cx="{int(drawn.width * share * EMU)}" cy="{int(drawn.height * share * EMU)}"'
    number, name = len(pictures), escape(_FORBIDDEN.sub("�", table["caption"]), {'"': "&quot;"})
    pictures.append(drawn)
    told = (
        f'id="{number + 1}" name="Picture {number + 1}" descr="{name}; the numbers stand in the table below"'
    )
    shape = (
        f'<pic:pic xmlns:pic="{DRAWING}/picture">'
        f"<pic:nvPicPr><pic:cNvPr {told}/><pic:cNvPicPr/></pic:nvPicPr>"
        f'<pic:blipFill><a:blip r:embed="p{number}"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>'
        f'<pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext {size}/></a:xfrm>'
        '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic>'
    )
    inline = (
        f'<wp:inline xmlns:wp="{DRAWING}/wordprocessingDrawing"><wp:extent {size}/><wp:docPr {told}/>'
        f'<a:graphic><a:graphicData uri="{DRAWING}/picture">{shape}</a:graphicData></a:graphic></wp:inline>'
    )
    yield f"<w:p><w:pPr><w:keepNext/></w:pPr><w:r><w:drawing>{inline}</w:drawing></w:r></w:p>"


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
