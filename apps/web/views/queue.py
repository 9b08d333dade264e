"""The queue: what waits and why, what is at work, what was given up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import may
from apps.access.states import Permission
from apps.gates import commands, queries, queue
from apps.web.pages import done, page
from apps.web.queue_pictures import columns

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def queue_page(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every lane with what this person may see of it."""
    context = {
        "title": "Queue",
        "lanes": [(view, columns(view.waited)) for view in queue.lanes(by)],
        "dead": list(queue.dead_runs(by)[: queue.SHOWN]),
        "missed": list(queries.missed_schedules(by)),
        "may_requeue": may(by, Permission.RUN_REQUEUE),
        "may_place": may(by, Permission.RUN_REORDER),
    }
    return render(request, "queue/page.html", context)


@page("POST")
def requeue_run(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    """Give a dead run another life."""
    reason = request.POST.get("reason", "")
    run = commands.requeue(by=by, run=queries.find_run(by, run_id), reason=reason)
    return done(request, "The run waits again; its counters began anew.", f"/runs/{run.pk}")


@page("POST")
def place_run(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    """Put a waiting run before or behind the others."""
    place, reason = request.POST.get("place", ""), request.POST.get("reason", "")
    run = commands.place_run(by=by, run=queries.find_run(by, run_id), place=place, reason=reason)
    return done(request, f"{run.version} is placed {place}.", "/queue")
