"""All measurements as Prometheus reads them: those of rows, and those that each process of the web counts."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from apps.deploys.watching import latency
from apps.deploys.watching.numbers import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Requests:
    """The latencies of this process alone, where the processes share no folder."""

    def collect(self) -> object:
        return latency.REQUESTS.collect()


def measurements() -> bytes:
    """The whole page."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_Requests())  # type: ignore[arg-type]
    return generate_latest(registry)
