"""Jobs: a validation report of some thirty-six pages."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.registry import job, peer

GATES, GROUPS = 12, 63


@job
def report_ours(gates: str, groups: str) -> dict[str, Any]:
    """The product's own template with charts, tables and evidence attached, as tagged PDF/A-3a; once."""
    with tempfile.TemporaryDirectory() as state:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "governance.settings", "COUNTERSIGN_STATE": state}
        import django

        django.setup()
        from datetime import UTC, datetime

        from apps.reports.drawing import draw

        _warm()
        facts, at = _facts(int(gates), int(groups)), datetime(2026, 11, 1, tzinfo=UTC)
        began = time.perf_counter()
        pdf = draw(facts, evidence={"statements": {}}, made_at=at).pdf
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "pages": _pages(pdf), "kib": len(pdf) // 1024}


def _warm() -> None:
    """The renderer is loaded before, as a worker has it and as the other programs are loaded here."""
    from weasyprint import HTML

    HTML(string="<p>x").write_pdf()


@job
def report_plain(gates: str, groups: str) -> dict[str, Any]:
    """The same sentences, pictures and tables given to WeasyPrint as ordinary HTML; tagged PDF/A-3a."""
    with tempfile.TemporaryDirectory() as state:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "governance.settings", "COUNTERSIGN_STATE": state}
        import django

        django.setup()
        _warm()
        from weasyprint import HTML

        page = _plain_page(_facts(int(gates), int(groups))["decision"]["gates"])
        began = time.perf_counter()
        pdf = HTML(string=page).write_pdf(pdf_variant="pdf/a-3a")
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "pages": _pages(pdf), "kib": len(pdf) // 1024}


def _plain_page(gates: list[dict[str, Any]]) -> str:
    import base64

    from apps.reports.charts import chart_of

    head = "".join(f"<th>{n}</th>" for n in ("Attribute", "Group", "n", "Value", "Ratio", "Status"))
    names = ("attribute", "group", "n", "value", "ratio", "status")
    parts = []
    for gate in gates:
        picture = chart_of(gate)
        svg = base64.b64encode((picture.svg() if picture else "").encode()).decode()
        cells = ("".join(f"<td>{row[n]}</td>" for n in names) for row in gate["measurement"]["groups"])
        rows = "".join(f"<tr>{line}</tr>" for line in cells)
        parts.append(f"<section><h3>{gate['title']}</h3><p>{gate['why']}</p>")
        parts.append(f'<img src="data:image/svg+xml;base64,{svg}" alt="the numbers stand below">')
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></section>")
    look = "body{font:9.5pt DejaVu Sans}section{break-before:page}table{width:100%}td{padding:1mm 2mm}"
    title = "<title>Report</title>"
    return f'<!doctype html><html lang="en">{title}<style>{look}</style><body>{"".join(parts)}</body></html>'


def _facts(gates: int, groups: int) -> dict[str, Any]:
    one = "sha256:" + "0" * 64
    return {
        "decision": {
            "outcome": "pass",
            "gates": [_gate(k, groups) for k in range(gates)],
            "policies": [{"id": "bench", "version": "1.0.0", "digest": one}],
            "engine": "0",
            "decided_at": "2026-11-01T00:00:00Z",
        },
        "decision_digest": one,
        "evidence": {f"fairness.gate-{k}": one for k in range(gates)},
        "use": "credit_decision",
        "tier": 1,
        "seed": 1,
        "model": {"key": "credit-pd", "title": "Default", "purpose": "Decides.", "owner": "Owner"},
        "version": {"name": "credit-pd@1", "label": "1", "digest": one, "format": "xgboost", "artifact": one},
        "datasets": [{"name": "holdout", "rows": 100_000, "digest": one}],
        "findings": [],
        "waivers": [],
    }


def _gate(number: int, groups: int) -> dict[str, Any]:
    rows = [
        {
            "attribute": "region",
            "group": f"group {k:03d}",
            "n": 1000 + k,
            "value": 0.5 + (k * 37 % 100) / 400,
            "interval": [0.45 + (k * 37 % 100) / 400, 0.55 + (k * 37 % 100) / 400],
            "ratio": 0.8 + (k * 13 % 100) / 500,
            "status": "measured",
        }
        for k in range(groups)
    ]
    said = "Every group's rate of favourable decisions is at least four fifths of the highest group's. " * 6
    return {
        "id": f"fairness.gate-{number}",
        "title": f"Section {number + 1}",
        "check": "fairness.selection_rate",
        "outcome": "pass" if number % 3 else "fail",
        "why": said,
        "bound": {"min": 0.8},
        "source": "firm",
        "enforcement": "waivable",
        "severity": "high",
        "measurement": {
            "check": "fairness.selection_rate",
            "check_version": "1",
            "n": 100_000,
            "value": 0.83,
            "interval": [0.8, 0.86],
            "method": "counts; wilson",
            "seed": None,
            "notes": [],
            "groups": rows,
        },
    }


def _pages(pdf: bytes) -> int:
    import io

    from pypdf import PdfReader

    return len(PdfReader(io.BytesIO(pdf)).pages)


@peer("typst")
def report_typst(gates: str, groups: str) -> dict[str, Any]:
    """Pages of the same length by Typst, tagged as PDF/UA-1, with one chart a section; cold."""
    import typst

    rows = [
        f"region, group {k:03d}, {1000 + k}, 0.{500 + k}, 0.{800 + k}, measured" for k in range(int(groups))
    ]
    cells = "".join(f"[{cell}]," for row in rows for cell in row.split(", "))
    head = ", ".join(f"[*{name}*]" for name in ("Attribute", "Group", "n", "Value", "Ratio", "Status"))
    text = '#set document(title: "Report")\n#set text(lang: "en", size: 9pt)\n#set page(paper: "a4")\n'
    for number in range(int(gates)):
        text += f'= Section {number + 1}\n#figure(image("c.svg", alt: "chart"), caption: [Chart])\n'
        text += f"#table(columns: (1fr,) * 6, table.header({head}), {cells})\n#pagebreak(weak: true)\n"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "c.svg").write_text(_chart())
        Path(folder, "m.typ").write_text(text)
        began = time.perf_counter()
        pdf = typst.compile(f"{folder}/m.typ", pdf_standards=["ua-1"])
        return {"seconds": time.perf_counter() - began, "kib": len(pdf) // 1024}


def _chart() -> str:
    line = " ".join(f"{x},{100 - (x * 37 % 90)}" for x in range(0, 480, 2))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 200" width="480" height="600">'
        f'<polyline points="{line}" fill="none" stroke="#247"/></svg>'
    )
