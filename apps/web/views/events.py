"""The audit trail: searched, and each event with its proof."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require
from apps.access.states import Permission
from apps.audit import queries, trail
from apps.audit.events import EventName
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person

FILTERS = ("action", "object", "actor", "from", "to")


@page()
def event_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Events, the newest first, 100 a page."""
    require(by, Permission.EVENT_SEE)
    filters = {name: request.GET[name] for name in FILTERS if request.GET.get(name)}
    found = trail.event_page(filters, request.GET.get("after"))
    context = {
        "title": "Audit events",
        "found": found,
        "filters": filters,
        "actions": list(EventName),
        "checkpoint": queries.latest_checkpoint(),
    }
    return render(request, "events/list.html", context)


@page()
def event_page(request: HttpRequest, event_id: UUID, *, by: Person) -> HttpResponse:
    """One event: its exact bytes, its place in the log and the proof that it is there."""
    require(by, Permission.EVENT_SEE)
    event = trail.event_line(event_id)
    context = {"title": event.action, "event": event, "proof": trail.place_of(event_id)}
    return render(request, "events/record.html", context)
