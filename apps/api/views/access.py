"""Who may do what: people, their roles and permissions, roles of one's own, conflicts, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.access import commands, overseeing
from apps.access.conflicts import conflicts
from apps.access.guards import require
from apps.access.roles import all_roles, role_history
from apps.access.states import ROLES, Permission
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import listed
from apps.api.reading import Fields, body
from apps.audit.errors import NotFound

if TYPE_CHECKING:
    from apps.access.models import ApiToken, Person, RoleVersion

Json = dict[str, Any]
REASON = {"reason": "string"}


@operation(
    "GET",
    "Everybody, for those who look after people.",
    query={"q": "string", "role": "string", "state": "string", "cursor": "string"},
    answers={200: "People and the next cursor."},
)
def list_people(request: HttpRequest, *, by: Person) -> HttpResponse:
    filters = {name: request.GET.get(name, "") for name in ("q", "role", "state")}
    rows = overseeing.people(by, **filters)
    return answer(listed(request, "people", rows, by_time="date_joined", render=_person))


@operation(
    "POST",
    "Make an account; people do this in a session, no token can.",
    request={
        "username": "string",
        "name": "string",
        "email": "string?",
        "service": "boolean?",
        "same_as": "string?",
        "password": "string?",
    },
    answers={201: "The account, which holds no role yet."},
)
def add_person(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.PERSON_MANAGE)
    fields = Fields(body(request))
    same = fields.text("same_as", "")
    given = {
        "username": fields.text("username"),
        "name": fields.text("name"),
        "email": fields.text("email", ""),
    }
    service, password = fields.truth("service", False), fields.text("password", "")
    fields.done()
    identity = overseeing.overseen(by, same).identity if same else None
    made = commands.create_person(
        by=by, **given, password=password or None, is_service=service, identity=identity
    )
    return answer(_person(made), status=201)


@operation("GET", "One account with its grants and what follows from them.", answers={200: "The account."})
def show_person(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    one, now = overseeing.overseen(by, username), timezone.now()
    return answer(
        {
            **_person(one),
            "accounts": [other.username for other in overseeing.accounts_of(one)],
            "grants": [_grant(held) for held in overseeing.grants_told(one, now)],
            "permissions": [
                {"permission": row.permission, "through": [_grant(held) for held in row.why]}
                for row in overseeing.effective(one, now)
            ],
        }
    )


@operation(
    "GET",
    "Whether the person may do something with a model now, and why or why not.",
    query={"permission": "string", "model": "string"},
    answers={200: "Yes or no, and the sentence."},
)
def ask_permission(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    one, key = overseeing.overseen(by, username), request.GET.get("model", "")
    model = overseeing.model_of(by, key) if key else None
    told = overseeing.may_told(one, request.GET.get("permission", ""), model)
    return answer({"allowed": told.allowed, "why": told.sentence})


def _reason(request: HttpRequest) -> str:
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    return reason


@operation(
    "POST", "End an account's sessions, tokens and roles.", request=REASON, answers={200: "The account."}
)
def disable(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    one = overseeing.overseen(by, username)
    return answer(_person(commands.disable_person(by=by, person=one, reason=_reason(request))))


@operation("POST", "Let a disabled account sign in again.", request=REASON, answers={200: "The account."})
def enable(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    one = overseeing.overseen(by, username)
    return answer(_person(commands.enable_person(by=by, person=one, reason=_reason(request))))


@operation("POST", "End every session of an account.", request=REASON, answers={200: "How many there were."})
def end_sessions(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    one = overseeing.overseen(by, username)
    require(by, Permission.PERSON_MANAGE)
    return answer({"ended": commands.end_other_sessions(by=by, person=one, reason=_reason(request))})


@operation(
    "POST",
    "Give a role; nobody gives one to themselves.",
    request={
        "role": "string",
        "scope": "string?",
        "scope_key": "string?",
        "valid_from": "string?",
        "valid_to": "string?",
        "reason": "string",
    },
    answers={201: "The grant.", 409: "Duties would not be kept apart."},
)
def grant(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    one = overseeing.overseen(by, username)
    fields = Fields(body(request))
    given: dict[str, Any] = {
        "role": fields.text("role"),
        "scope": fields.text("scope", "organisation"),
        "scope_key": fields.text("scope_key", ""),
        "valid_from": fields.instant("valid_from") if fields.names("valid_from") else None,
        "valid_to": fields.instant("valid_to") if fields.names("valid_to") else None,
        "reason": fields.text("reason"),
    }
    fields.done()
    made = commands.grant_role(by=by, person=one, **given)
    held = next(h for h in overseeing.grants_told(one, timezone.now()) if h.grant.pk == made.pk)
    return answer(_grant(held), status=201)


@operation("POST", "End a grant now.", request=REASON, answers={200: "The grant."})
def end_grant(request: HttpRequest, username: str, grant_id: int, *, by: Person) -> HttpResponse:
    row = overseeing.find_grant(by, username, grant_id)
    commands.end_grant(by=by, grant=row, reason=_reason(request))
    held = next(h for h in overseeing.grants_told(row.person, timezone.now()) if h.grant.pk == row.pk)
    return answer(_grant(held))


@operation("GET", "Every role and what it permits.", answers={200: "Roles."})
def list_roles(request: HttpRequest, *, by: Person) -> HttpResponse:
    overseeing.may_oversee(by)
    rows = [
        {
            "key": role.key,
            "title": role.title,
            "sentence": role.sentence,
            "shipped": role.key in ROLES,
            "permissions": sorted(role.permissions),
        }
        for role in all_roles().values()
    ]
    return answer({"roles": rows})


@operation(
    "POST",
    "Make a role from permissions, or a new version of one of the installation's own.",
    request={
        "key": "string",
        "title": "string",
        "sentence": "string",
        "permissions": "array",
        "reason": "string",
    },
    answers={201: "The version that counts.", 409: "It would break a law of roles."},
)
def define_role(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    words = {name: fields.text(name) for name in ("key", "title", "sentence", "reason")}
    permissions = fields.texts("permissions")
    fields.done()
    return answer(_role(commands.define_role(by=by, permissions=permissions, **words)), status=201)


@operation("GET", "The versions of a role of the installation's own.", answers={200: "Versions."})
def show_role(request: HttpRequest, role: str, *, by: Person) -> HttpResponse:
    rows = role_history(role) if overseeing.oversees(by) else role_history("")
    if not rows:
        raise NotFound(f'There is no role of your own "{role[:40]}".')
    return answer({"versions": [_role(row) for row in rows]})


@operation(
    "POST", "Take every permission from a role of your own.", request=REASON, answers={200: "The role."}
)
def retire_role(request: HttpRequest, role: str, *, by: Person) -> HttpResponse:
    if not overseeing.oversees(by) or not role_history(role):
        raise NotFound(f'There is no role of your own "{role[:40]}".')
    return answer(_role(commands.retire_role(by=by, key=role, reason=_reason(request))))


@operation("GET", "What does not go together, and where.", answers={200: "Conflicts."})
def list_conflicts(request: HttpRequest, *, by: Person) -> HttpResponse:
    overseeing.may_oversee(by)
    rows = [
        {
            "kind": one.kind,
            "people": [rendering.person(p) for p in one.people],
            "where": one.where,
            "sentence": one.sentence,
        }
        for one in conflicts()
    ]
    return answer({"conflicts": rows})


@operation(
    "GET",
    "Every token by its ends, for those who look after people.",
    query={"cursor": "string"},
    answers={200: "Tokens and the next cursor."},
)
def list_tokens(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer(listed(request, "tokens", overseeing.tokens(by), by_time="created_at", render=_token))


@operation("POST", "Revoke any token.", request=REASON, answers={200: "The token."})
def revoke_token(request: HttpRequest, token_id: int, *, by: Person) -> HttpResponse:
    row = overseeing.find_token(by, token_id)
    commands.revoke_token(by=by, token=row, reason=_reason(request))
    return answer(_token(overseeing.find_token(by, token_id)))


def _person(row: Person) -> Json:
    return {
        "username": row.username,
        "name": row.name,
        "email": row.email,
        "identity": row.identity,
        "service": row.is_service,
        "active": row.is_active,
        "made_at": row.date_joined,
    }


def _grant(held: overseeing.Held) -> Json:
    row = held.grant
    return {
        "id": row.pk,
        "role": row.role,
        "title": held.title,
        "scope": row.scope,
        "scope_key": row.scope_key,
        "stands": held.stands,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "granted_by": rendering.person(row.granted_by),
        "reason": row.reason,
    }


def _role(row: RoleVersion) -> Json:
    return {
        "key": row.key,
        "version": row.number,
        "title": row.title,
        "sentence": row.sentence,
        "permissions": row.permissions,
        "retired": row.retired,
        "made_by": rendering.person(row.made_by),
        "made_at": row.made_at,
        "reason": row.reason,
    }


def _token(row: ApiToken) -> Json:
    return {
        "id": row.pk,
        "name": row.name,
        "prefix": row.prefix,
        "last4": row.last4,
        "person": rendering.person(row.person),
        "permissions": row.scopes,
        "issued_by": rendering.person(row.issued_by),
        "made_at": row.created_at,
        "used_on": getattr(row, "used_on", None),
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }


people = endpoint(list_people, add_person)
person = endpoint(show_person)
permission = endpoint(ask_permission)
disabling = endpoint(disable)
enabling = endpoint(enable)
session_ending = endpoint(end_sessions)
grants = endpoint(grant)
grant_ending = endpoint(end_grant)
roles = endpoint(list_roles, define_role)
role = endpoint(show_role)
role_retiring = endpoint(retire_role)
conflict_list = endpoint(list_conflicts)
tokens = endpoint(list_tokens)
token_revoking = endpoint(revoke_token)
