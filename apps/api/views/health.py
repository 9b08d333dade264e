"""How the log stands towards the outside, for monitoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.access.guards import may
from apps.access.states import Permission
from apps.api.endpoints import answer, endpoint, operation
from apps.api.views.admissions import strict
from apps.audit.anchoring.standing import PlaceStanding, Standing, standing

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "GET",
    "Whether somebody outside vouches for the log: green, amber or red, and why.",
    query={"strict": "integer, 1 answers by status: 503 while it is red"},
    answers={200: "How the log stands.", 503: "With strict=1: it is red."},
)
def show_log(request: HttpRequest, *, by: Person) -> HttpResponse:
    found = standing()
    response = answer(_told(found, places=may(by, Permission.EVENT_SEE) or may(by, Permission.PERSON_MANAGE)))
    if strict(request) and not found.admits:
        response.status_code = 503
    return response


def _told(found: Standing, *, places: bool) -> dict[str, Any]:
    return {
        "status": found.colour,
        "why": found.sentence,
        "admits": found.admits,
        "anchored_at": found.anchored_at,
        "checkpoint_at": found.checkpoint_at,
        "pending": found.pending,
        "places": [_place(place) for place in found.places] if places else None,
    }


def _place(place: PlaceStanding) -> dict[str, Any]:
    return {
        "name": place.name,
        "kind": place.kind,
        "status": place.colour,
        "size": place.size,
        "succeeded_at": place.succeeded_at,
        "failed_at": place.failed_at,
        "why": place.sentence,
    }


log = endpoint(show_log)
