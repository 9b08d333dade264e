"""For monitors: measurements, whether the service lives, whether it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from apps.access.guards import require
from apps.access.states import Permission
from apps.api.endpoints import answer, endpoint, operation
from apps.deploys.watching.page import CONTENT_TYPE, measurements
from apps.deploys.watching.system import hindrances, parts

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "GET", "Measurements in the format of Prometheus.", answers={200: "Text."}, produces=("text/plain",)
)
def show_metrics(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.SYSTEM_SEE)
    return HttpResponse(measurements(), content_type=CONTENT_TYPE)


@operation(
    "GET", "Every part of the installation: green, amber or red, and what to do.", answers={200: "Parts."}
)
def show_system(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.SYSTEM_SEE)
    told = [{"name": p.name, "status": p.colour, "seen": p.seen, "do": p.do} for p in parts()]
    return answer({"parts": told})


@operation("GET", "Whether the process answers at all.", answers={200: "It does."})
def show_live(request: HttpRequest, *, by: Person | None) -> HttpResponse:
    return answer({"status": "ok"})


@operation(
    "GET",
    "Whether requests can be served: database, migrations, keys.",
    answers={200: "They can.", 503: "They cannot; `lacking` names what is missing."},
)
def show_ready(request: HttpRequest, *, by: Person | None) -> HttpResponse:
    lacking = hindrances()
    status = "waits" if lacking else "ok"
    return answer({"status": status, "lacking": lacking}, status=503 if lacking else 200)


metrics = endpoint(show_metrics)
system = endpoint(show_system)
live = endpoint(show_live, public=True)
ready = endpoint(show_ready, public=True)
