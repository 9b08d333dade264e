"""A16 and A17: whatever a name, a sentence or a label says stays text; nothing is fetched or attached."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pypdf import PdfReader

from apps.reports import charts
from apps.reports.drawing import draw
from tests.bench.jobs_report import _facts

KEPT = {"outcome", "check", "status", "enforcement", "made_at"}
AT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def listening() -> Iterator[tuple[str, list[str]]]:
    """An address that notes who asks."""
    asked: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Noting) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
        server.shutdown()


def payloads(address: str) -> str:
    return (
        f'</p><link rel=attachment href=file:///etc/passwd><img src="{address}a">'
        f"<style>@import url({address}b);</style><img src=http://169.254.169.254/latest>"
        f'<object data="{address}c"></object><script>alert(1)</script>'
        f'" onload="x" style="background:url({address}d)'
    )


def everywhere(value: Any, text: str, key: str = "") -> Any:
    """The same facts with every word that a person may write replaced."""
    if isinstance(value, dict):
        return {k: everywhere(v, text, k) for k, v in value.items()}
    if isinstance(value, list):
        return [everywhere(v, text, key) for v in value]
    return text if isinstance(value, str) and key not in KEPT else value


@pytest.mark.slow
def test_no_field_fetches_attaches_or_acts(listening: tuple[str, list[str]]) -> None:
    address, asked = listening
    text = payloads(address)
    drawn = draw(everywhere(_facts(1, 3), text), evidence={"said": text}, made_at=AT)
    reader = PdfReader(io.BytesIO(drawn.pdf))
    assert asked == []
    assert list(reader.attachments) == ["evidence.json"]
    assert json.loads(reader.attachments["evidence.json"][0])["said"] == text
    assert b"root:x:0" not in drawn.pdf
    told = "".join(page.extract_text() for page in reader.pages)
    assert "<script>" in "".join(told.split())
    for page in reader.pages:
        assert "/JavaScript" not in str(page.get("/AA")) + str(page.get("/Annots"))


@pytest.mark.slow
def test_a_label_of_a_picture_stays_a_label(listening: tuple[str, list[str]]) -> None:
    address, asked = listening
    gate = everywhere(_facts(1, 3), payloads(address))["decision"]["gates"][0]
    found = charts.chart_of(gate)
    assert found is not None
    svg = found.svg()
    assert "<script" not in svg
    assert "<image" not in svg
    assert "&lt;" in svg
    assert asked == []
