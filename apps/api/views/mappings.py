"""What groups of other directories are worth, and which accounts there are whose here, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.access import commands, federation
from apps.access.guards import may, require, require_reauthentication
from apps.access.states import Permission, Scope
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.proving import confirmed_at
from apps.api.reading import Fields, body
from apps.audit.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from apps.access.federation_models import ExternalIdentity, GroupMapping
    from apps.access.models import Person

MOST = 500


@operation("GET", "What groups are worth now, by source.", answers={200: "Mappings."})
def list_mappings(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.PERSON_MANAGE)
    return answer({"mappings": [_mapping(row) for row in federation.standing_mappings()[:MOST]]})


@operation(
    "POST",
    "Say what a group is worth: whoever is in it at the source holds the role while the mapping stands.",
    request={
        "source": "string",
        "group": "string",
        "role": "string",
        "scope": "string?",
        "scope_key": "string?",
        "reason": "string",
    },
    answers={201: "The mapping.", 403: "Not by this person, or the password was not confirmed just now."},
)
def make_mapping(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.ROLE_GRANT)
    fields = Fields(body(request))
    source, group, role, reason = (fields.text(name) for name in ("source", "group", "role", "reason"))
    scope, key = fields.text("scope", Scope.ORGANISATION), fields.text("scope_key", "")
    fields.done()
    require_reauthentication(confirmed_at(request, by))
    made = commands.map_group(
        by=by, source=source, group=group, role=role, scope=scope, scope_key=key, reason=reason
    )
    return answer(_mapping(made), status=201)


@operation(
    "POST",
    "A group is worth a role no more.",
    request={"reason": "string"},
    answers={200: "The mapping.", 404: "No such mapping stands."},
)
def end_mapping(request: HttpRequest, mapping_id: int, *, by: Person) -> HttpResponse:
    _see(by, Permission.ROLE_GRANT)
    require(by, Permission.ROLE_GRANT)
    fields, mapping = Fields(body(request)), federation.find_mapping(mapping_id)
    reason = fields.text("reason")
    fields.done()
    require_reauthentication(confirmed_at(request, by))
    commands.end_mapping(by=by, mapping=mapping, reason=reason)
    return answer(_mapping(mapping))


@operation("GET", "Which account elsewhere is whose here.", answers={200: "Links that stand."})
def list_identities(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.PERSON_MANAGE)
    return answer({"identities": [_identity(row) for row in federation.standing_identities()[:MOST]]})


@operation(
    "POST",
    "End the link of somebody else; their sessions end with it.",
    request={"reason": "string"},
    answers={200: "The link.", 404: "No such link stands."},
)
def unlink(request: HttpRequest, identity_id: int, *, by: Person) -> HttpResponse:
    _see(by)
    fields, identity = Fields(body(request)), federation.find_identity(identity_id)
    reason = fields.text("reason")
    fields.done()
    require_reauthentication(confirmed_at(request, by))
    if identity.person_id == by.pk:
        raise Forbidden("End your own link under Your account.")
    commands.unlink_identity(by=by, identity=identity, reason=reason)
    return answer(_identity(identity))


def _see(by: Person, *more: Permission) -> None:
    if not any(may(by, permission) for permission in (Permission.PERSON_MANAGE, *more)):
        raise NotFound("There is nothing here, or nothing that you may see.")


def _mapping(row: GroupMapping) -> dict[str, Any]:
    return {
        "id": row.pk,
        "source": row.source,
        "group": row.group,
        "role": row.role,
        "scope": row.scope,
        "scope_key": row.scope_key,
        "reason": row.reason,
        "made_by": rendering.person(row.made_by),
    }


def _identity(row: ExternalIdentity) -> dict[str, Any]:
    return {
        "id": row.pk,
        "person": rendering.person(row.person),
        "provider": row.provider,
        "linked_at": row.linked_at,
    }


mappings = endpoint(list_mappings, make_mapping)
mapping_ending = endpoint(end_mapping)
identities = endpoint(list_identities)
unlinking = endpoint(unlink)
