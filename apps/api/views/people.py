"""What people say of a submission: approvals, the conversation, attestations."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import listed
from apps.api.reading import Fields, body
from apps.approvals import commands, queries
from apps.inventory.queries import find_model, find_use, find_version

if TYPE_CHECKING:
    from apps.access.models import Person

REASON = {"reason": "string"}


@operation(
    "GET",
    "Approvals that the caller may see, newest first.",
    query={"state": "string", "cursor": "string"},
    answers={200: "Approvals and the next cursor."},
)
def list_approvals(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = queries.visible_approvals(by)
    if request.GET.get("state"):
        rows = rows.filter(state=request.GET["state"])
    return answer(listed(request, "approvals", rows, by_time="opened_at", render=rendering.approval_line))


@operation(
    "POST",
    "Submit a version for approval. `tier` is the statement of the model's tier, which is confirmed by it: "
    "whoever would answer its questions otherwise now does so first, at the address of the tier.",
    request={"model": "string", "version": "string", "use": "string?", "tier": "string?"},
    answers={201: "The approval.", 409: "It cannot be submitted now."},
)
def submit(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    version = find_version(by, fields.text("model"), fields.text("version"))
    use = find_use(version.model, fields.text("use", ""))
    tier = fields.text("tier", "")
    fields.done()
    approval = commands.submit(by=by, version=version, use=use, tier=tier)
    place = {"Location": f"/api/v1/approvals/{approval.pk}"}
    return answer(rendering.approval(approval, by), status=201, headers=place)


@operation(
    "GET",
    "One approval as the caller may see it: blind until all have signed.",
    answers={200: "The approval."},
)
def show_approval(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    return answer(rendering.approval(queries.find_approval(by, approval_id), by))


def _reason(request: HttpRequest) -> str:
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    return reason


@operation("POST", "Take a submission back.", request=REASON, answers={200: "The approval."})
def withdraw_approval(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    approval = queries.find_approval(by, approval_id)
    return answer(
        rendering.approval(commands.withdraw(by=by, approval=approval, reason=_reason(request)), by)
    )


@operation("POST", "Submit again what was returned.", request=REASON, answers={200: "The approval."})
def reopen_approval(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    approval = queries.find_approval(by, approval_id)
    return answer(rendering.approval(commands.reopen(by=by, approval=approval, reason=_reason(request)), by))


@operation(
    "GET",
    "The conversation about a submission, newest first.",
    query={"cursor": "string"},
    answers={200: "Comments."},
)
def list_comments(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    rows = queries.find_approval(by, approval_id).comments.select_related("person")
    return answer(listed(request, "comments", rows, by_time="added_at", render=rendering.comment))


@operation(
    "POST",
    "Ask or answer something about a submission.",
    request={"text": "string", "gate": "string?"},
    answers={201: "The comment."},
)
def add_comment(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    approval = queries.find_approval(by, approval_id)
    fields = Fields(body(request))
    text, gate = fields.text("text"), fields.text("gate", "")
    fields.done()
    made = commands.comment(by=by, approval=approval, text=text, gate=gate)
    return answer(rendering.comment(made), status=201)


@operation(
    "POST",
    "Attest an inventory entry; people do this in a session, no token can.",
    request={"model": "string"},
    answers={201: "The attestation."},
)
def attest(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    model = find_model(by, fields.text("model"))
    fields.done()
    made = commands.attest(by=by, model=model)
    return answer({"model": model.key, "statement": made.statement_digest}, status=201)


approvals = endpoint(list_approvals, submit)
approval = endpoint(show_approval)
approval_withdrawal = endpoint(withdraw_approval)
approval_reopening = endpoint(reopen_approval)
comments = endpoint(list_comments, add_comment)
attestations = endpoint(attest)
