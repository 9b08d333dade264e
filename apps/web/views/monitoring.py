"""Monitoring by the calendar: which data of a model are measured how often, and what was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require, why_not
from apps.access.states import Permission
from apps.audit.errors import Invalid
from apps.gates import commands
from apps.gates.scheduling import find_schedule, schedules_of
from apps.inventory import queries
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person


@page("GET", "POST")
def schedules(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """The schedules of a model, and a form that sets one."""
    model = queries.find_model(by, key)
    if request.method == "POST":
        days = request.POST.get("every_days", "")
        if not days.isascii() or not days.isdigit() or len(days) > 5:
            raise Invalid(f'"{days[:20]}" is no number of days.', field="every_days")
        version = queries.find_version(by, key, request.POST.get("version", ""))
        made = commands.set_schedule(
            by=by,
            version=version,
            use=queries.find_use(model, request.POST.get("use", "")),
            dataset=request.POST.get("dataset", "").strip(),
            every_days=int(days),
        )
        told = f"{version} is measured on {made.dataset} every {made.every_days} days, from now on."
        return done(request, told, f"/models/{model.key}/monitoring")
    versions = list(model.versions.prefetch_related("datasets").order_by("-registered_at"))
    context = {
        "title": f"Monitoring of {model.key}",
        "model": model,
        "rows": schedules_of(model),
        "versions": versions,
        "uses": [use for use in queries.uses_of(model) if use.retired_at is None],
        "datasets": sorted({data.name for version in versions for data in version.datasets.all()}),
        "why_not": why_not(require, by, Permission.RUN_REQUEST, model),
    }
    return render(request, "models/monitoring.html", context)


@page("POST")
def end(request: HttpRequest, key: str, schedule_id: int, *, by: Person) -> HttpResponse:
    """End a schedule; the runs that it asked for stay."""
    model = queries.find_model(by, key)
    row = find_schedule(by, model, schedule_id)
    commands.end_schedule(by=by, schedule=row, reason=request.POST.get("reason", ""))
    return done(request, f"{row.version} is measured on {row.dataset} no more.", f"/models/{key}/monitoring")
