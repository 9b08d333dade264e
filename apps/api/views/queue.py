"""The queue: what waits in which order and why, and what a person with the right may do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.gates import commands, queries, queue

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "GET",
    "The lanes: how many wait, what the caller may see of them in their order, and why not yet.",
    answers={200: "Lanes, dead runs, and monitoring that did not happen."},
)
def show_queue(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer(
        {
            "lanes": [_lane(view) for view in queue.lanes(by)],
            "dead": [rendering.run(run) for run in queue.dead_runs(by)[: queue.SHOWN]],
            "missed": [_missed(schedule) for schedule in queries.missed_schedules(by)],
        }
    )


def _lane(view: queue.LaneView) -> dict[str, Any]:
    waiting = [{"run": w.run.pk, "ahead": w.ahead, "why": w.why, **_short(w.run)} for w in view.waiting]
    running = [{"run": run.pk, "host": host, **_short(run)} for run, host in view.running]
    return {**view.depth.as_json(), "waiting": waiting, "at_work": running}


def _short(run: Any) -> dict[str, Any]:
    return {
        "model": run.version.model.key,
        "version": run.version.label,
        "tier": run.tier,
        "due": run.due_at,
        "requested_at": run.requested_at,
        "started_at": run.started_at,
    }


def _missed(schedule: Any) -> dict[str, Any]:
    return {
        "model": schedule.version.model.key,
        "version": schedule.version.label,
        "dataset": schedule.dataset,
        "since": schedule.missed_at or schedule.next_due,
        "why": schedule.missed_why or "It fell due, and nobody has turned to it.",
    }


@operation(
    "POST",
    "Give a dead run another life; its counters begin again.",
    request={"reason": "string"},
    answers={200: "The run, queued.", 409: "It is not dead."},
)
def requeue_run(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    run = queries.find_run(by, run_id)
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    return answer(rendering.run(commands.requeue(by=by, run=run, reason=reason)))


@operation(
    "POST",
    "Put a waiting run before or behind all others of its lane, or back in turn.",
    request={"place": "string", "reason": "string"},
    answers={200: "The run.", 409: "It does not wait."},
)
def place_run(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    run = queries.find_run(by, run_id)
    fields = Fields(body(request))
    place, reason = fields.text("place"), fields.text("reason")
    fields.done()
    return answer(rendering.run(commands.place_run(by=by, run=run, place=place, reason=reason)))


lanes = endpoint(show_queue)
requeue = endpoint(requeue_run)
place = endpoint(place_run)
