"""Which run the work at hand is about, for log lines and, where somebody collects them, for traces.

All spans of a run are one trace, whose id is the run's own: a request, a worker and the relay find each
other without handing anything on. Without the library, or without a collector, a span costs a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

try:
    from opentelemetry import trace
except ImportError:  # the library is for those who collect traces
    trace = None  # type: ignore[assignment]

run_id: ContextVar[str] = ContextVar("countersign_run_id", default="")
_PARENT = 0x636F756E74657273  # the run's trace has no span of its own above the first ones


@contextmanager
def about_run(run: UUID, name: str, **told: Any) -> Iterator[None]:
    """Work on a run: its log lines carry the run's id, its span stands in the run's trace."""
    token = run_id.set(str(run))
    try:
        with _span(name, {"countersign.run": str(run), **told}, of=run):
            yield
    finally:
        run_id.reset(token)


@contextmanager
def span(name: str, **told: Any) -> Iterator[None]:
    """A step of the work at hand."""
    with _span(name, told):
        yield


@contextmanager
def _span(name: str, told: Mapping[str, Any], *, of: UUID | None = None) -> Iterator[None]:
    if trace is None:
        yield
        return
    tracer, here = trace.get_tracer("countersign"), trace.get_current_span().get_span_context()
    links = [trace.Link(here)] if of is not None and here.is_valid and here.trace_id != of.int else []
    context = None if of is None or here.trace_id == of.int else _within(of)
    with tracer.start_as_current_span(name, context=context, links=links, attributes=dict(told)):
        yield


def _within(run: UUID) -> Any:
    """The trace of a run, as if somebody elsewhere had begun it."""
    above = trace.SpanContext(
        trace_id=run.int,
        span_id=_PARENT,
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(above))
