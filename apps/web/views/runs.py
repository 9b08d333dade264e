"""A run with its progress, and the decision it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import may, require, why_not
from apps.access.states import Permission
from apps.gates import commands, guards
from apps.gates.queries import find_run, partitions_of, progress_of
from apps.gates.queue import why_waits
from apps.gates.states import RunState
from apps.web.challenges import decision_log
from apps.web.gates import gate_counts, gate_groups
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.gates.models import Run


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
        "shared": partitions_of(run),
        "consent": getattr(run, "consent", None),
        "no_consent": may_not_consent(by, run),
        "waits": why_waits(run) if run.state == RunState.QUEUED else None,
        "may_requeue": may(by, Permission.RUN_REQUEUE, run.version.model),
    }
    name = "runs/progress.html" if request.headers.get("HX-Request") else "runs/record.html"
    return render(request, name, context)


def may_not_consent(by: Person, run: Run) -> str:
    """Why this person cannot approve the run's hardware."""
    return (
        why_not(require, by, Permission.RUN_HARDWARE, run.version.model)
        or why_not(guards.waits_for_consent, run)
        or why_not(guards.another_than, run.requested_by, by)
    )


@page("POST")
def consent_hardware(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    """Approve or refuse what a waiting run is computed on."""
    run = find_run(by, run_id)
    granted, reason = request.POST.get("answer") == "approve", request.POST.get("reason", "")
    commands.consent_hardware(by=by, run=run, granted=granted, reason=reason)
    said = f"{run.hardware} is approved for this run." if granted else "The run was refused and cancelled."
    return done(request, said, f"/runs/{run.pk}")


@page("POST")
def cancel_run(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    """Cancel a run that waits or is at work."""
    reason = request.POST.get("reason", "")
    run = commands.cancel(by=by, run=find_run(by, run_id), reason=reason)
    return done(request, "The run was cancelled.", f"/runs/{run.pk}")
