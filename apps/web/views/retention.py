"""What is kept and for how long: legal holds, what is due, personal data that is erased."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access import commands as access
from apps.access.guards import require, require_reauthentication, why_not
from apps.access.holding import hold_seen, holds_told, may_see_holds
from apps.access.queries import find_person
from apps.access.states import Permission
from apps.audit.errors import Invalid
from apps.audit.past import clock
from apps.inventory import commands
from apps.inventory.retention import due, endings, retention
from apps.web.pages import done, page, reauthenticated_at

if TYPE_CHECKING:
    from apps.access.models import Person

HERE = "/retention"
SHOWN = 200


@page()
def retention_page(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Holds, retired models with their last day, what may be removed today, and the forms."""
    may_see_holds(by)
    lines, found, retired = holds_told(by), due(clock().date()), endings()
    context = {
        "title": "Retention",
        "standing": [line for line in lines if line.stands],
        "ended": [line for line in lines if not line.stands],
        "rules": retention(),
        "due": found,
        "due_shown": found.rows[:SHOWN],
        "endings": retired[:SHOWN],
        "more_endings": max(len(retired) - SHOWN, 0),
        "why_no_hold": why_not(require, by, Permission.HOLD_MANAGE),
        "why_no_erasing": why_not(require, by, Permission.PERSON_MANAGE),
        "own": str(by.pk),
    }
    return render(request, "retention/index.html", context)


@page("POST")
def place_hold(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Keep a model, a span of days, or everything."""
    posted = request.POST
    hold = access.place_hold(
        by=by,
        reason=posted.get("reason", ""),
        model=posted.get("model", "").strip(),
        first_day=_day(posted.get("first_day", ""), "first_day"),
        last_day=_day(posted.get("last_day", ""), "last_day"),
    )
    return done(request, f"A legal hold now covers {hold}.", HERE)


@page("POST")
def release_hold(request: HttpRequest, hold_id: UUID, *, by: Person) -> HttpResponse:
    """End a hold that another person placed."""
    hold = hold_seen(by, hold_id)
    require_reauthentication(reauthenticated_at(request))
    access.release_hold(by=by, hold=hold, reason=request.POST.get("reason", ""))
    return done(request, f"The legal hold on {hold} has ended.", HERE)


@page("POST")
def purge(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Remove exactly what was shown."""
    require(by, Permission.HOLD_MANAGE)
    require_reauthentication(reauthenticated_at(request))
    reason, shown = request.POST.get("reason", ""), request.POST.get("shown", "")
    gone = commands.purge_blobs(by=by, reason=reason, shown=shown)
    size = sum(one.blob.size for one in gone)
    return done(request, f"Removed: {len(gone)} file{'' if len(gone) == 1 else 's'}, {size:,} bytes.", HERE)


@page("POST")
def erase(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Erase what is known of a person, once their username was typed twice."""
    require(by, Permission.PERSON_MANAGE)
    require_reauthentication(reauthenticated_at(request))
    username = request.POST.get("username", "").strip()
    if username != request.POST.get("again", "").strip():
        raise Invalid("The two usernames differ; nothing was erased.", field="again")
    erased = access.erase_person(by=by, person=find_person(username), reason=request.POST.get("reason", ""))
    return done(request, f"Erased. The account is called {erased.username} from now on.", HERE)


def _day(text: str, field: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid(f"“{text[:40]}” is no day; write it as 2027-03-31.", field=field) from None
