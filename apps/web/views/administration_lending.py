"""Reviews handed to somebody else for a time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.access import commands, lending, overseeing
from apps.access.guards import require_reauthentication
from apps.access.queries import find_person, held_anywhere
from apps.access.states import Scope
from apps.audit.errors import Invalid
from apps.web.pages import done, page, reauthenticated_at
from apps.web.views.administration_people import day

if TYPE_CHECKING:
    from apps.access.models import Person

HERE = "/account/delegations"
MOST = 200


@page("GET", "POST")
def delegations(request: HttpRequest, *, by: Person) -> HttpResponse:
    """One's own, everybody's for those who look after people, and a form that hands reviews on."""
    if request.method == "POST":
        return _handed(request, by)
    sees_all = overseeing.oversees(by)
    context = {
        "title": "Reviews handed on",
        "rows": lending.visible(by, all_of_them=sees_all)[:MOST],
        "sees_all": sees_all,
        "lendable": [one for one in lending.LENT if one in held_anywhere(by)],
        "scopes": list(Scope),
        "now": timezone.now(),
        "mine": by.identity,
    }
    return render(request, "administration/delegations.html", context)


def _handed(request: HttpRequest, by: Person) -> HttpResponse:
    require_reauthentication(reauthenticated_at(request))
    posted = request.POST
    until = day(posted.get("valid_to", ""), "valid_to")
    if until is None:
        raise Invalid("Say until when you hand your reviews on.", field="valid_to")
    made = commands.delegate_reviews(
        by=by,
        to=find_person(posted.get("to", "").strip()),
        permission=posted.get("permission", ""),
        scope=posted.get("scope", ""),
        scope_key=posted.get("scope_key", "").strip(),
        valid_to=until + timedelta(days=1),
        reason=posted.get("reason", ""),
    )
    return done(request, f"{made.delegate.name} does these reviews for you from now on.", HERE)


@page("POST")
def end(request: HttpRequest, delegation_id: int, *, by: Person) -> HttpResponse:
    """Take it back."""
    rows = lending.visible(by, all_of_them=overseeing.oversees(by))
    row = lending.find(rows, delegation_id)
    commands.end_delegation(by=by, delegation=row, reason=request.POST.get("reason", ""))
    return done(request, "It has ended: each reviews for themselves again.", HERE)
