"""Break-glass: asked for, agreed to by a second person, ended, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import may_anywhere, require_anywhere, why_not
from apps.access.states import Permission
from apps.audit.errors import Invalid
from apps.deploys import commands, glass
from apps.deploys import queries as deploys
from apps.inventory.queries import find_use, find_version
from apps.web.pages import done, page, reauthenticated_at
from apps.web.receipts import with_receipt

if TYPE_CHECKING:
    from apps.access.models import Person

HERE = "/break-glass"
MOST = 100


@page("GET", "POST")
def break_glass(request: HttpRequest, *, by: Person) -> HttpResponse:
    """What stands, what waits for a second person, what was; and a form that asks."""
    require_anywhere(by, Permission.ADMISSION_SEE)
    if request.method == "POST":
        return _asked(request, by)
    rows = [(row, glass.stands(row), why_not(glass.may_agree, by, row)) for row in glass.visible(by)[:MOST]]
    context = {
        "title": "Break-glass",
        "rows": rows,
        "asks": may_anywhere(by, Permission.BREAK_GLASS_ASK),
        "agrees": may_anywhere(by, Permission.BREAK_GLASS_GRANT),
        "environments": deploys.environments(),
        "most": glass.MOST_MINUTES,
    }
    return render(request, "decisions/break_glass.html", context)


def _asked(request: HttpRequest, by: Person) -> HttpResponse:
    posted = request.POST
    require_anywhere(by, Permission.BREAK_GLASS_ASK)
    version = find_version(by, posted.get("model", "").strip(), posted.get("version", "").strip())
    told = posted.get("minutes", "")
    if not (told.isascii() and told.isdigit() and len(told) < 6):
        raise Invalid(f"“{told[:20]}” is no number of minutes.", field="minutes")
    commands.ask_to_break_glass(
        by=by,
        version=version,
        use=find_use(version.model, posted.get("use", "").strip()),
        environment=deploys.find_environment(posted.get("environment", "")),
        minutes=int(told),
        reason=posted.get("reason", ""),
        ticket=posted.get("ticket", ""),
        reauthenticated_at=reauthenticated_at(request),
    )
    return done(request, "Asked. Nothing is open until a second person agrees.", HERE)


@page("POST")
def agree(request: HttpRequest, glass_id: UUID, *, by: Person) -> HttpResponse:
    """Agree as the second person."""
    row = glass.find(by, glass_id)
    made = commands.break_glass(by=by, request=row, reauthenticated_at=reauthenticated_at(request))
    told = f"The glass is broken until {made.valid_to:%H:%M:%S} UTC. A finding is open."
    return done(request, with_receipt(told, made.statement_digest), HERE)


@page("POST")
def end(request: HttpRequest, glass_id: UUID, *, by: Person) -> HttpResponse:
    """End it, or refuse the request."""
    row = glass.find(by, glass_id)
    commands.end_break_glass(by=by, request=row, reason=request.POST.get("reason", ""))
    return done(request, "It has ended: the deploy gate answers as before.", HERE)
