"""How the log stands towards the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import may
from apps.access.states import Permission
from apps.audit import timestamps
from apps.audit.anchoring.standing import standing
from apps.engine.walls import lacking
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def health_page(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Green, amber or red, in words why; each place outside for those who look after it."""
    found = standing()
    context = {
        "title": "Health",
        "found": found,
        "places": found.places if sees_places(by) else (),
        "sees_places": sees_places(by),
        "stamps": timestamps.in_words(),
        "gaps": lacking(),
        "walls_required": settings.WALLS == "required",
    }
    return render(request, "health/log.html", context)


def sees_places(by: Person) -> bool:
    """Addresses and failures tell of the installation: they are for auditors and administrators."""
    return may(by, Permission.EVENT_SEE) or may(by, Permission.PERSON_MANAGE)
