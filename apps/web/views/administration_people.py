"""People in the administration: who there is, what each may do and why; roles given and ended."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date

from apps.access import commands, overseeing
from apps.access.guards import grant_by_another, may, require, require_reauthentication, why_not
from apps.access.queries import factors_of, recovery_codes_left, sessions_of
from apps.access.roles import all_roles
from apps.access.states import Permission, Scope
from apps.audit.errors import Invalid
from apps.web.pages import done, page, reauthenticated_at

if TYPE_CHECKING:
    from apps.access.models import Person

PAGE = 50
STATES = (("active", "may sign in"), ("disabled", "disabled"), ("service", "service accounts"))


@page()
def people(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Everybody, with a search."""
    filters = {name: request.GET.get(name, "") for name in ("q", "role", "state")}
    shown = Paginator(overseeing.people(by, **filters), PAGE).get_page(request.GET.get("page"))
    held = overseeing.roles_of(shown.object_list)
    context = {
        "title": "People",
        "shown": shown,
        "rows": [(one, held.get(one.pk, [])) for one in shown.object_list],
        "filters": filters,
        "roles": all_roles().values(),
        "states": STATES,
        "rest": urlencode({name: value for name, value in filters.items() if value}),
        "manages": may(by, Permission.PERSON_MANAGE),
    }
    return render(request, "administration/people.html", context)


@page("POST")
def add(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Make an account."""
    require_reauthentication(reauthenticated_at(request))
    posted, same = request.POST, request.POST.get("same_as", "").strip()
    service = posted.get("kind") == "service"
    made = commands.create_person(
        by=by,
        username=posted.get("username", ""),
        name=posted.get("name", ""),
        email=posted.get("email", ""),
        password=None if service else posted.get("password", "") or None,
        is_service=service,
        identity=overseeing.overseen(by, same).identity if same else None,
    )
    return done(request, f"The account {made.username} is made. It has no role yet.", _at(made))


@page()
def person(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    """One account: its roles in the past, now and later, and what follows from them."""
    one, now = overseeing.overseen(by, username), timezone.now()
    manages = may(by, Permission.PERSON_MANAGE)
    context = {
        "title": one.name,
        "one": one,
        "accounts": overseeing.accounts_of(one),
        "grants": overseeing.grants_told(one, now),
        "effective": overseeing.effective(one, now),
        "tokens": overseeing.tokens(by, person=one) if overseeing.oversees(by) else [],
        "factors": factors_of(one),
        "codes_left": recovery_codes_left(one),
        "sessions": sessions_of(one) if manages else [],
        "manages": manages,
        "grants_roles": may(by, Permission.ROLE_GRANT),
        "why_no_grant": why_not(grant_by_another, by, one),
        "is_oneself": one.pk == by.pk,
        "roles": all_roles().values(),
        "scopes": list(Scope),
        "permissions": list(Permission),
        **_asked(request, by, one),
    }
    return render(request, "administration/person.html", context)


def _asked(request: HttpRequest, by: Person, one: Person) -> dict[str, Any]:
    """“May they do this with that model?”, when the form asks it."""
    permission, model = request.GET.get("permission", ""), request.GET.get("model", "").strip()
    told: dict[str, Any] = {"permission": permission, "model": model}
    if permission:
        # The keys of models are no secret of those who give roles for them.
        found = overseeing.model_of(by, model) if model else None
        told["answer"] = overseeing.may_told(one, permission, found)
    return {"asked": told}


@page("POST")
def disable(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    """End an account's sessions, tokens and roles at once."""
    one = overseeing.overseen(by, username)
    require_reauthentication(reauthenticated_at(request))
    commands.disable_person(by=by, person=one, reason=request.POST.get("reason", ""))
    return done(request, f"{one.username} is disabled: sessions, tokens and roles have ended.", _at(one))


@page("POST")
def enable(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    """Let an account sign in again."""
    one = overseeing.overseen(by, username)
    require_reauthentication(reauthenticated_at(request))
    commands.enable_person(by=by, person=one, reason=request.POST.get("reason", ""))
    return done(request, f"{one.username} may sign in again and holds no role yet.", _at(one))


@page("POST")
def end_sessions(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    """End every session of an account."""
    one = overseeing.overseen(by, username)
    require(by, Permission.PERSON_MANAGE)
    ended = commands.end_other_sessions(by=by, person=one, reason=request.POST.get("reason", ""))
    return done(request, f"{ended} session{'' if ended == 1 else 's'} of {one.username} ended.", _at(one))


@page("POST")
def remove_factor(request: HttpRequest, username: str, factor_id: int, *, by: Person) -> HttpResponse:
    """Remove a second factor that was lost."""
    factor = overseeing.find_factor(by, username, factor_id)
    require(by, Permission.PERSON_MANAGE)
    require_reauthentication(reauthenticated_at(request))
    commands.remove_factor(by=by, factor=factor, reason=request.POST.get("reason", ""))
    return done(request, f"“{factor.name}” of {username} is removed.", _at(factor.person))


@page("POST")
def grant(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    """Give a role."""
    one, posted = overseeing.overseen(by, username), request.POST
    require(by, Permission.ROLE_GRANT)
    require_reauthentication(reauthenticated_at(request))
    made = commands.grant_role(
        by=by,
        person=one,
        role=posted.get("role", ""),
        scope=posted.get("scope", ""),
        scope_key=posted.get("scope_key", "").strip(),
        valid_from=day(posted.get("valid_from", ""), "valid_from"),
        valid_to=day(posted.get("valid_to", ""), "valid_to"),
        reason=posted.get("reason", ""),
    )
    return done(request, f"Given: {made}.", _at(one))


@page("POST")
def end_grant(request: HttpRequest, username: str, grant_id: int, *, by: Person) -> HttpResponse:
    """Take a role away."""
    held = overseeing.find_grant(by, username, grant_id)
    require_reauthentication(reauthenticated_at(request))
    commands.end_grant(by=by, grant=held, reason=request.POST.get("reason", ""))
    return done(request, f"Ended: {held}.", _at(held.person))


def day(text: str, field: str) -> datetime | None:
    """The first second of a day in UTC; None where none is said."""
    if not text:
        return None
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None:
        raise Invalid(f"“{text[:40]}” is no day; write it as 2027-03-31.", field=field)
    return datetime.combine(found, time(), UTC)


def _at(one: Person) -> str:
    return f"/administration/people/{one.username}"
