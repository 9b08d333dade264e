"""Monitoring by the calendar over HTTP: schedules listed, set and ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.gates import commands
from apps.gates.scheduling import find_schedule, schedules_of
from apps.inventory import queries

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.gates.models import Schedule


def _schedule(row: Schedule) -> dict[str, Any]:
    return {
        "id": row.pk,
        "model": row.version.model.key,
        "version": row.version.label,
        "use": row.use.key,
        "dataset": row.dataset,
        "every_days": row.every_days,
        "next_due": row.next_due,
        "missed_at": row.missed_at,
        "missed_why": row.missed_why or None,
        "set_by": rendering.person(row.set_by),
        "set_at": row.set_at,
        "ended_at": row.ended_at,
    }


@operation("GET", "Schedules by which a model is monitored, also ended ones.", answers={200: "Schedules."})
def list_schedules(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    return answer({"model": model.key, "schedules": [_schedule(row) for row in schedules_of(model)[:200]]})


@operation(
    "POST",
    "Measure a data set of a version every so many days, from now on.",
    request={"version": "string", "use": "string?", "dataset": "string", "every_days": "integer"},
    answers={201: "The schedule.", 409: "There is one already."},
)
def set_schedule(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = queries.find_model(by, key)
    fields = Fields(body(request))
    label, use, dataset = fields.text("version"), fields.text("use", ""), fields.text("dataset")
    days = fields.whole("every_days")
    fields.done()
    made = commands.set_schedule(
        by=by,
        version=queries.find_version(by, key, label),
        use=queries.find_use(model, use),
        dataset=dataset,
        every_days=days,
    )
    return answer(_schedule(made), status=201)


@operation(
    "POST",
    "End a schedule; the runs that it asked for stay.",
    request={"reason": "string"},
    answers={200: "The schedule.", 409: "It had ended."},
)
def end_schedule(request: HttpRequest, key: str, schedule_id: int, *, by: Person) -> HttpResponse:
    row = find_schedule(by, queries.find_model(by, key), schedule_id)
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    return answer(_schedule(commands.end_schedule(by=by, schedule=row, reason=reason)))


schedules = endpoint(list_schedules, set_schedule)
ending = endpoint(end_schedule)
