"""Traces for a collector, where `OTEL_EXPORTER_OTLP_ENDPOINT` names one; otherwise nothing happens."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from apps.audit.tracing import span

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
Handler = Callable[[HttpRequest], HttpResponseBase]
log = logging.getLogger("countersign.tracing")


def collect(service: str) -> bool:
    """Send this process's spans to the collector; False where none is named or the library is missing."""
    if not os.environ.get(ENDPOINT):
        return False
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.warning("%s is set, but traces need a library that is not installed: %s", ENDPOINT, error)
        return False
    provider = TracerProvider(resource=Resource.create({"service.name": f"countersign-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


def traced(get_response: Handler) -> Handler:
    """A span for each request, by the pattern of its address."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        with span("request", **{"http.request.method": str(request.method), "url.path": request.path}):
            return get_response(request)

    return handle
