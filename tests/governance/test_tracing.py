from __future__ import annotations

import uuid

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
