"""For a law or guidance: each control, what serves it, and the models it holds for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require_anywhere
from apps.access.states import Permission
from apps.gates import coverage
from apps.gates.clock import database_now
from apps.reports.supersession import still_named
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def framework_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every framework with how much of it the released policies serve."""
    require_anywhere(by, Permission.EVIDENCE_SEE)
    counts = coverage.served_counts(database_now())
    rows = [(f, len(controls), counts[key]) for key, (f, controls) in coverage.frameworks().items()]
    return render(request, "coverage/list.html", {"title": "Coverage", "rows": rows})


@page()
def framework_page(request: HttpRequest, framework: str, *, by: Person) -> HttpResponse:
    """One framework: control by control."""
    require_anywhere(by, Permission.EVIDENCE_SEE)
    found, _ = coverage.framework(framework)
    rows = coverage.covered(by, framework, database_now())
    served = sum(bool(row.served) for row in rows)
    offer = coverage.offered(framework, database_now())
    told = [(row, offer.served.get(row.control.id, ()) if offer else ()) for row in rows]
    context = {"title": found.title, "framework": found, "rows": told, "served": served, "offer": offer}
    if found.superseded_by:
        context["superseded"] = [still_named(framework, now=database_now(), by=by)]
    return render(request, "coverage/record.html", context)
