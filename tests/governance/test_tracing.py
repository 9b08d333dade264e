from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from apps.audit import tracing
from apps.audit.tracing import about_run, span
from governance.tracing import ENDPOINT, collect

sdk = pytest.importorskip("opentelemetry.sdk.trace")


def test_a_request_and_a_worker_meet_in_the_trace_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider, run = InMemorySpanExporter(), sdk.TracerProvider(), uuid.uuid4()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(tracing.trace, "get_tracer", provider.get_tracer)
    with span("request"), about_run(run, "run.request"):
        pass
    with about_run(run, "run.execute"), span("run.seal"):
        pass
    found = {s.name: s for s in kept.get_finished_spans()}
    assert {found[n].context.trace_id for n in ("run.request", "run.execute", "run.seal")} == {run.int}
    assert found["request"].context.trace_id != run.int
    assert found["run.request"].links[0].context.trace_id == found["request"].context.trace_id
    assert found["run.seal"].parent.span_id == found["run.execute"].context.span_id


def test_without_a_collector_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    assert collect("web") is False


def test_without_the_library_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "trace", None)
    with about_run(uuid.uuid4(), "run.execute"), span("run.measure"):
        assert tracing.run_id.get()


class Collector(BaseHTTPRequestHandler):
    """Takes OTLP over HTTP, as a collector does: protocol buffers, packed or not."""

    got: list[tuple[str, bytes]] = []

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        self.got.append((self.path, gzip.decompress(data) if packed else data))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def collector() -> Iterator[HTTPServer]:
    Collector.got.clear()
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


PROCESS = """
import uuid
from apps.audit.tracing import about_run, span
from governance.tracing import collect
assert collect("worker")
with about_run(uuid.UUID({run!r}), "run.execute", lane="quick", attempt=2), span("run.measure", gates=3):
    pass
"""


def test_a_collector_gets_the_spans_of_a_process_over_the_wire(collector: HTTPServer) -> None:
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    run = uuid.uuid4()
    told = os.environ | {ENDPOINT: f"http://127.0.0.1:{collector.server_port}", "DJANGO_SETTINGS_MODULE": ""}
    done = subprocess.run(
        [sys.executable, "-c", PROCESS.format(run=str(run))], env=told, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {path for path, _ in Collector.got} == {"/v1/traces"}
    found = [service.ExportTraceServiceRequest.FromString(data) for _, data in Collector.got]
    (resource,) = [r for request in found for r in request.resource_spans]
    names = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert names["service.name"] == "countersign-worker"
    spans = {s.name: s for scope in resource.scope_spans for s in scope.spans}
    assert set(spans) == {"run.execute", "run.measure"}
    assert {s.trace_id for s in spans.values()} == {run.bytes}
    assert spans["run.measure"].parent_span_id == spans["run.execute"].span_id
    assert {a.key for a in spans["run.execute"].attributes} == {"countersign.run", "lane", "attempt"}
