"""What runs where, what the inventory lacks, and each slot with all that is known of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require_anywhere
from apps.access.queries import held_anywhere
from apps.access.states import Permission
from apps.audit.errors import Invalid
from apps.deploys import queries, running
from apps.deploys.commands import settle
from apps.deploys.states import Answered
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def listed(request: HttpRequest, *, by: Person) -> HttpResponse:
    """One line for each slot of each environment."""
    require_anywhere(by, Permission.ADMISSION_SEE)
    filters = {k: request.GET.get(k, "") for k in ("environment", "model")}
    rows = running.slots(by, environment=filters["environment"], model=filters["model"])
    context = {
        "title": "Deployments",
        "rows": rows,
        "genuine": running.genuine(rows),
        "filters": filters,
        "environments": queries.environments(),
        "ungoverned": running.ungoverned(by),
    }
    return render(request, "deployments/list.html", context)


@page()
def inbox(request: HttpRequest, *, by: Person) -> HttpResponse:
    """What runs and the inventory lacks, with a form for each."""
    require_anywhere(by, Permission.ADMISSION_SEE)
    context = {
        "title": "Ungoverned endpoints",
        "rows": running.ungoverned(by),
        "answers": list(Answered),
        "may_settle": Permission.FINDING_OPEN in held_anywhere(by),
    }
    return render(request, "deployments/ungoverned.html", context)


@page("POST")
def settle_one(request: HttpRequest, deployment_id: UUID, *, by: Person) -> HttpResponse:
    """Bind, ignore for a time, or open a finding."""
    settle(
        by=by,
        deployment=running.find_deployment(by, deployment_id),
        answer=request.POST.get("answer", ""),
        reason=request.POST.get("reason", ""),
        model=request.POST.get("model", ""),
        until=_day(request.POST.get("until", "")),
    )
    return done(request, "Settled. The answer is in the record.", "/deployments/ungoverned")


def _day(text: str) -> datetime | None:
    """The beginning of a day, in UTC."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        raise Invalid(f"“{text[:40]}” is no day; write it as 2027-03-31.", field="until") from None


@page()
def shown(request: HttpRequest, deployment_id: UUID, *, by: Person) -> HttpResponse:
    """A slot: what runs, since when, by which answer, and what ran before."""
    require_anywhere(by, Permission.ADMISSION_SEE)
    found = running.asset(by, running.find_deployment(by, deployment_id))
    return render(request, "deployments/slot.html", {"title": str(found.row), "found": found})
