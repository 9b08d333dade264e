"""The audit trail: searched, and each event with what it changed and with its proof."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require
from apps.access.queries import find_person
from apps.access.states import Permission
from apps.audit import queries, trail
from apps.audit.errors import NotFound
from apps.audit.events import EventName
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person

FILTERS = ("action", "object", "type", "actor", "request", "from", "to")
# As many events of the same thing as stand beside one of them.
AROUND = 20


@page()
def event_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Events, the newest first, 100 a page."""
    require(by, Permission.EVENT_SEE)
    filters = {name: request.GET[name] for name in FILTERS if request.GET.get(name)}
    found = trail.event_page(_meant(filters), request.GET.get("after"))
    context = {
        "title": "Audit events",
        "found": found,
        "filters": filters,
        "groups": _grouped(),
        "checkpoint": queries.latest_checkpoint(),
    }
    return render(request, "events/list.html", context)


def _meant(filters: dict[str, str]) -> dict[str, str]:
    """Filters as the trail asks for them: it knows people by number."""
    try:
        return {**filters, "actor": str(find_person(filters["actor"]).pk)} if "actor" in filters else filters
    except NotFound:
        return filters


def _grouped() -> list[tuple[str, list[str]]]:
    """The names of all events by their noun."""
    nouns = sorted({name.partition(".")[0] for name in EventName})
    return [(noun, sorted(str(name) for name in EventName if name.startswith(f"{noun}."))) for noun in nouns]


@page()
def event_page(request: HttpRequest, event_id: UUID, *, by: Person) -> HttpResponse:
    """One event: what it changed, its place among those of the same thing, its bytes, its proof."""
    require(by, Permission.EVENT_SEE)
    event = trail.event_line(event_id)
    same = {"type": event.object_type, "object": event.object_id}
    context = {
        "title": event.action,
        "event": event,
        "timeline": trail.event_page(same, None, size=AROUND),
        "proof": trail.place_of(event_id),
    }
    return render(request, "events/record.html", context)
