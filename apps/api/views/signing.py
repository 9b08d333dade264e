"""Signing, granting and taking away over HTTP: by a person's session whose password was just confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access.guards import require, require_reauthentication
from apps.access.states import Permission
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.proving import confirmed_at
from apps.api.reading import Fields, body
from apps.approvals import commands, guards, queries

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "POST",
    "Sign off exactly what was shown: approve, reject or return, with a reason and, for an approval, limits.",
    request={"meaning": "string", "reason": "string", "shown_digest": "string", "limits": "object?"},
    answers={
        201: "The approval as the signer may see it now.",
        403: "Not by this person, or the session's password was not confirmed within 15 minutes.",
        409: "It cannot be signed now, or what was shown has changed.",
    },
)
def sign(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    approval = queries.find_approval(by, approval_id)
    fields = Fields(body(request))
    meaning, reason, shown = (fields.text(name) for name in ("meaning", "reason", "shown_digest"))
    limits = fields.mapping("limits", {})
    fields.done()
    commands.sign_off(
        by=by,
        approval=approval,
        meaning=meaning,
        reason=reason,
        limits=limits,
        shown_digest=shown,
        reauthenticated_at=confirmed_at(request, by),
    )
    return answer(rendering.approval(queries.find_approval(by, approval_id), by), status=201)


@operation(
    "POST",
    "End a grant at once: the deploy gate denies from this second on.",
    request={"reason": "string"},
    answers={
        200: "The approval.",
        403: "Not by this person, or the session's password was not confirmed within 15 minutes.",
        409: "It is not granted.",
    },
)
def revoke(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    approval = queries.find_approval(by, approval_id)
    require(by, Permission.APPROVAL_REVOKE, approval.version.model)
    guards.revocable(approval)
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    require_reauthentication(confirmed_at(request, by))
    commands.revoke(by=by, approval=approval, reason=reason)
    return answer(rendering.approval(queries.find_approval(by, approval_id), by))


@operation(
    "POST",
    "Grant a waiver for the time that was asked for.",
    request={},
    answers={
        201: "The waiver.",
        403: "Not by this person, or the session's password was not confirmed within 15 minutes.",
        409: "It was answered before.",
    },
)
def grant_waiver(request: HttpRequest, request_id: UUID, *, by: Person) -> HttpResponse:
    asked = queries.find_waiver_request(by, request_id)
    Fields(body(request)).done()
    made = commands.grant_waiver(by=by, request=asked, reauthenticated_at=confirmed_at(request, by))
    return answer(rendering.waiver(made), status=201)


@operation(
    "POST",
    "Refuse a waiver.",
    request={"reason": "string"},
    answers={200: "Refused.", 409: "It was answered before."},
)
def refuse(request: HttpRequest, request_id: UUID, *, by: Person) -> HttpResponse:
    asked = queries.find_waiver_request(by, request_id)
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    commands.refuse_waiver(by=by, request=asked, reason=reason)
    return answer({"id": asked.pk, "refused": reason})


signing = endpoint(sign)
revoking = endpoint(revoke)
granting = endpoint(grant_waiver)
refusing = endpoint(refuse)
