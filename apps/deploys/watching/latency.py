"""How long requests take: counted by every process of the web into files, added up when somebody asks.

The files lie where `PROMETHEUS_MULTIPROC_DIR` says, which must be set before this module is loaded; without
it a process counts for itself alone.
"""

from __future__ import annotations

from prometheus_client import Histogram

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUESTS = Histogram(
    "countersign_request_seconds",
    "Time to answer a request, by method, address and status.",
    ("method", "route", "status"),
    buckets=BUCKETS,
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def observed(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request. `route` is the pattern of the address, never the address: there are few of them."""
    known = method if method in METHODS else "other"
    REQUESTS.labels(known, route or "none", str(status)).observe(seconds)
