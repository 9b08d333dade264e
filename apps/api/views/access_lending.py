"""Reviews handed to somebody else for a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.access import commands, lending, overseeing
from apps.access.queries import find_person
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import listed
from apps.api.reading import Fields, body

if TYPE_CHECKING:
    from apps.access.models import Delegation, Person

Json = dict[str, Any]


@operation(
    "GET",
    "Reviews that the caller handed on or does for others; all for those who look after people.",
    query={"cursor": "string"},
    answers={200: "What is handed on, and the next cursor."},
)
def list_delegations(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = lending.visible(by, all_of_them=overseeing.oversees(by))
    return answer(listed(request, "delegations", rows, by_time="valid_from", render=_delegation))


@operation(
    "POST",
    "Hand one's reviews to somebody who may do them already; people do this in a session.",
    request={
        "to": "string",
        "permission": "string",
        "scope": "string?",
        "scope_key": "string?",
        "valid_to": "string",
        "reason": "string",
    },
    answers={201: "What is handed on.", 409: "It would widen a right, or hand on what was handed on."},
)
def delegate(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    to = fields.text("to")
    given: dict[str, Any] = {
        "permission": fields.text("permission"),
        "scope": fields.text("scope", "organisation"),
        "scope_key": fields.text("scope_key", ""),
        "valid_to": fields.instant("valid_to"),
        "reason": fields.text("reason"),
    }
    fields.done()
    return answer(_delegation(commands.delegate_reviews(by=by, to=find_person(to), **given)), status=201)


@operation("POST", "Take back what was handed on.", request={"reason": "string?"}, answers={200: "It."})
def end_delegation(request: HttpRequest, delegation_id: int, *, by: Person) -> HttpResponse:
    row = lending.find(lending.visible(by, all_of_them=overseeing.oversees(by)), delegation_id)
    fields = Fields(body(request))
    reason = fields.text("reason", "")
    fields.done()
    return answer(_delegation(commands.end_delegation(by=by, delegation=row, reason=reason)))


def _delegation(row: Delegation) -> Json:
    return {
        "id": row.pk,
        "delegator": rendering.person(row.delegator),
        "delegate": rendering.person(row.delegate),
        "permission": row.permission,
        "scope": row.scope,
        "scope_key": row.scope_key,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "reason": row.reason,
        "ended_at": row.ended_at,
        "ended_by": rendering.person(row.ended_by),
    }


delegations = endpoint(list_delegations, delegate)
delegation_ending = endpoint(end_delegation)
