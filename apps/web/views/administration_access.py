"""Roles, conflicts, tokens and units in the administration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access import commands, lawful, overseeing
from apps.access.conflicts import conflicts
from apps.access.guards import may, require, require_reauthentication, token_scopes, why_not
from apps.access.queries import permissions_anywhere
from apps.access.roles import all_roles, as_role, newest_roles, role_history
from apps.access.states import PERSONAL, ROLES, Permission, Role
from apps.audit.errors import NotFound
from apps.inventory import commands as inventory
from apps.web.pages import done, page, reauthenticated_at

if TYPE_CHECKING:
    from apps.access.models import Person

PAGE = 50


@page()
def roles(request: HttpRequest, *, by: Person) -> HttpResponse:
    """The matrix: each role, each permission."""
    overseeing.may_oversee(by)
    found = list(all_roles().values())
    context = {
        "title": "Roles",
        "roles": found,
        "own": newest_roles().order_by("key"),
        "shipped": ROLES,
        "matrix": [(p, p in PERSONAL, [p in role.permissions for role in found]) for p in Permission],
        "defines": may(by, Permission.ROLE_DEFINE),
        "permissions": list(Permission),
        "form": Role("", "", "", frozenset()),
    }
    return render(request, "administration/roles.html", context)


@page("GET", "POST")
def role(request: HttpRequest, role: str, *, by: Person) -> HttpResponse:
    """One role: what it permits, its versions, and a form that changes one of the installation's own."""
    if not overseeing.oversees(by) or (role not in all_roles() and not role_history(role)):
        raise NotFound(f'There is no role "{role[:40]}".')
    if request.method == "POST":
        require_reauthentication(reauthenticated_at(request))
        return _changed(request, by, role)
    found, newest = all_roles().get(role), role_history(role).first()
    context = {
        "title": found.title if found else role,
        "key": role,
        "role": found,
        "form": as_role(newest) if newest else found,
        "history": role_history(role),
        "holders": lawful.holders(role),
        "is_shipped": role in ROLES,
        "defines": may(by, Permission.ROLE_DEFINE),
        "why_not": why_not(lawful.not_ones_own, by, role),
        "permissions": list(Permission),
    }
    return render(request, "administration/role.html", context)


def _changed(request: HttpRequest, by: Person, key: str) -> HttpResponse:
    posted = request.POST
    if posted.get("act") == "retire":
        row = commands.retire_role(by=by, key=key, reason=posted.get("reason", ""))
        return done(request, f"The role {row.title} permits nothing any more.", "/administration/roles")
    return _defined(request, by, key)


def _defined(request: HttpRequest, by: Person, key: str) -> HttpResponse:
    posted = request.POST
    row = commands.define_role(
        by=by,
        key=key,
        title=posted.get("title", ""),
        sentence=posted.get("sentence", ""),
        permissions=posted.getlist("permissions"),
        reason=posted.get("reason", ""),
    )
    return done(request, f"{row} counts from now on.", f"/administration/roles/{row.key}")


@page("POST")
def make_role(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Make a role from permissions."""
    require(by, Permission.ROLE_DEFINE)
    require_reauthentication(reauthenticated_at(request))
    return _defined(request, by, request.POST.get("key", "").strip())


@page()
def conflict_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """What does not go together."""
    overseeing.may_oversee(by)
    context = {"title": "Conflicts", "conflicts": conflicts()}
    return render(request, "administration/conflicts.html", context)


@page()
def tokens(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every token, and a form that issues one for a service account."""
    rows = overseeing.tokens(by)
    if request.GET.get("state") == "valid":
        rows = overseeing.valid(rows)
    services = overseeing.people(by, state="service").filter(is_active=True)
    context = {
        "title": "Tokens",
        "shown": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "only_valid": request.GET.get("state") == "valid",
        "manages": may(by, Permission.PERSON_MANAGE),
        "issues": may(by, Permission.TOKEN_ISSUE) and may(by, Permission.PERSON_MANAGE),
        "services": [(one, sorted(permissions_anywhere(one) - PERSONAL)) for one in services],
    }
    return render(request, "administration/tokens.html", context)


@page("POST")
def issue_token(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Issue a token for a service account; its secret is shown once, on this page."""
    require(by, Permission.PERSON_MANAGE)
    require_reauthentication(reauthenticated_at(request))
    posted = request.POST
    person = overseeing.overseen(by, posted.get("username", ""))
    wanted = posted.getlist("scopes") or sorted(permissions_anywhere(person) - PERSONAL)
    days = posted.get("days", "90")
    token, secret = commands.issue_token(
        by=by,
        person=person,
        name=posted.get("name", ""),
        scopes=token_scopes(person, wanted),
        days=int(days) if days.isascii() and days.isdigit() else 0,
    )
    return render(request, "administration/token.html", {"title": "Token", "token": token, "secret": secret})


@page("POST")
def revoke_token(request: HttpRequest, token_id: int, *, by: Person) -> HttpResponse:
    """Revoke any token."""
    token = overseeing.find_token(by, token_id)
    commands.revoke_token(
        by=by, token=token, reason=request.POST.get("reason", "") or "in the administration"
    )
    return done(request, f"The token {token} is revoked.", "/administration/tokens")


@page("GET", "POST")
def units(request: HttpRequest, *, by: Person) -> HttpResponse:
    """The business units, who holds a role for each, and how many models each has."""
    overseeing.may_oversee(by)
    if request.method == "POST":
        made = inventory.declare_unit(
            by=by, key=request.POST.get("key", "").strip(), title=request.POST.get("title", "")
        )
        return done(request, f"The unit {made.title} is declared.", "/administration/units")
    found = overseeing.by_unit()
    context = {
        "title": "Business units",
        "units": [(unit, models, found.get(unit.key, [])) for unit, models in overseeing.units_told()],
        "manages": may(by, Permission.PERSON_MANAGE),
    }
    return render(request, "administration/units.html", context)


@page("POST")
def rename_unit(request: HttpRequest, unit: str, *, by: Person) -> HttpResponse:
    """Give a unit another title."""
    found = overseeing.find_unit(by, unit)
    require(by, Permission.PERSON_MANAGE)
    renamed = inventory.rename_unit(
        by=by,
        unit=found,
        title=request.POST.get("title", ""),
        reason=request.POST.get("reason", ""),
    )
    return done(request, f"The unit {renamed.key} is called {renamed.title}.", "/administration/units")
