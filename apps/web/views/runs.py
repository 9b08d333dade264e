"""A run with its progress, and the decision it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.gates import commands
from apps.gates.queries import find_run, progress_of
from apps.web.challenges import decision_log
from apps.web.gates import gate_counts, gate_groups
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def run_page(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    """The run; while it works, the page asks for its progress part every second or two."""
    run = find_run(by, run_id)
    decision = getattr(run, "decision", None)
    progress = progress_of(run)
    context = {
        "title": f"Run of {run.version}",
        "run": run,
        "decision": decision,
        "groups": gate_groups(decision.document) if decision else [],
        "counts": gate_counts(decision.document) if decision else [],
        "elapsed": progress.elapsed_seconds or 0,
        "ended": progress.ended,
        "log": decision_log(by, decision) if decision and "HX-Request" not in request.headers else None,
    }
    name = "runs/progress.html" if request.headers.get("HX-Request") else "runs/record.html"
    return render(request, name, context)


@page("POST")
def cancel_run(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    """Cancel a run that waits."""
    run = commands.cancel(by=by, run=find_run(by, run_id))
    return done(request, "The run was cancelled.", f"/runs/{run.pk}")
