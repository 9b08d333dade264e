"""Signing in with other accounts, in the administration: providers, what groups are worth, kept accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access import commands, federation, oidc
from apps.access.guards import may, require, require_reauthentication
from apps.access.queries import find_person
from apps.access.roles import all_roles
from apps.access.states import Permission, Scope
from apps.audit.errors import Forbidden, NotFound, Refused
from apps.engine.errors import Problem
from apps.web.pages import done, page, reauthenticated_at

if TYPE_CHECKING:
    from apps.access.models import Person

PLACE = "/administration/sign-in"


@page()
def overview(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Who else says who somebody is here, and what that is worth."""
    require(by, Permission.PERSON_MANAGE)
    return _shown(request, by)


def _shown(request: HttpRequest, by: Person, **more: object) -> HttpResponse:
    context = {
        "title": "Signing in with other accounts",
        "providers": federation.providers().values(),
        "mappings": federation.standing_mappings(),
        "sources": federation.sources(),
        "roles": all_roles().values(),
        "scopes": list(Scope),
        "directories": federation.directories(),
        "accounts": federation.kept_accounts()[:200],
        "identities": federation.standing_identities()[:200],
        "grants": may(by, Permission.ROLE_GRANT),
        **more,
    }
    return render(request, "administration/sign_in.html", context)


def _see(by: Person, *more: Permission) -> None:
    """For whoever the page is not made for, nothing that stands on it is there."""
    if not any(may(by, permission) for permission in (Permission.PERSON_MANAGE, *more)):
        raise NotFound("There is nothing here, or nothing that you may see.")


@page("POST")
def try_provider(request: HttpRequest, provider: str, *, by: Person) -> HttpResponse:
    """Ask a provider now what it publishes."""
    _see(by)
    found = federation.find_provider(provider)
    try:
        return _shown(request, by, tried=found, lines=oidc.tried(found))
    except (Refused, Problem) as error:
        return _shown(request, by, tried=found, sentence=str(error))


@page("POST")
def map_group(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Say what a group is worth."""
    require(by, Permission.ROLE_GRANT)
    require_reauthentication(reauthenticated_at(request))
    posted = request.POST
    mapping = commands.map_group(
        by=by,
        source=posted.get("source", ""),
        group=posted.get("group", ""),
        role=posted.get("role", ""),
        scope=posted.get("scope", "") or Scope.ORGANISATION,
        scope_key=posted.get("scope_key", "").strip(),
        reason=posted.get("reason", ""),
    )
    return done(request, f"“{mapping.group}” is worth {mapping.role} now.", PLACE)


@page("POST")
def end_mapping(request: HttpRequest, mapping_id: int, *, by: Person) -> HttpResponse:
    """A group is worth a role no more."""
    _see(by, Permission.ROLE_GRANT)
    require(by, Permission.ROLE_GRANT)
    require_reauthentication(reauthenticated_at(request))
    mapping = federation.find_mapping(mapping_id)
    commands.end_mapping(by=by, mapping=mapping, reason=request.POST.get("reason", ""))
    return done(request, f"“{mapping.group}” is worth {mapping.role} no more.", PLACE)


@page("POST")
def hand_over(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Let a directory keep an account that was made here."""
    require(by, Permission.PERSON_MANAGE)
    require_reauthentication(reauthenticated_at(request))
    posted = request.POST
    person = find_person(posted.get("username", "").strip())
    commands.hand_over_account(
        by=by,
        person=person,
        directory=find_person(posted.get("directory", "")),
        user_name=posted.get("user_name", ""),
        reason=posted.get("reason", ""),
    )
    return done(request, f"{person.username} is kept by the directory now.", PLACE)


@page("POST")
def unlink(request: HttpRequest, identity_id: int, *, by: Person) -> HttpResponse:
    """End the link of somebody else; their sessions end with it."""
    _see(by)
    require_reauthentication(reauthenticated_at(request))
    identity = federation.find_identity(identity_id)
    if identity.person_id == by.pk:
        raise Forbidden("End your own link under Your account.")
    commands.unlink_identity(by=by, identity=identity, reason=request.POST.get("reason", ""))
    return done(request, f"The link of {identity.person.username} is ended.", PLACE)
