"""Reviews of roles over HTTP; people open, answer and close them in a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.access import campaigns, commands
from apps.access.queries import find_person
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import listed
from apps.api.reading import Fields, body

if TYPE_CHECKING:
    from apps.access.models import Campaign, CampaignItem, Person

Json = dict[str, Any]


@operation(
    "GET",
    "Reviews of roles that the caller may see, newest first.",
    query={"cursor": "string"},
    answers={200: "Reviews and the next cursor."},
)
def list_campaigns(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = campaigns.visible(by)
    return answer(listed(request, "campaigns", rows, by_time="opened_at", render=_campaign))


@operation(
    "POST",
    "Open a review of the roles of a scope.",
    request={
        "title": "string",
        "reviewers": "array",
        "due": "string",
        "unanswered": "string",
        "scope": "string?",
        "scope_key": "string?",
    },
    answers={201: "The review.", 409: "Somebody would answer for themselves."},
)
def open_campaign(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    names = fields.texts("reviewers")
    given: dict[str, Any] = {
        "title": fields.text("title"),
        "due": fields.instant("due"),
        "unanswered": fields.text("unanswered"),
        "scope": fields.text("scope", "organisation"),
        "scope_key": fields.text("scope_key", ""),
    }
    fields.done()
    row = commands.open_campaign(by=by, reviewers=[find_person(name) for name in names], **given)
    return answer(_campaign(campaigns.find(by, row.pk)), status=201)


@operation("GET", "One review of roles with what the caller may see of it.", answers={200: "The review."})
def show_campaign(request: HttpRequest, campaign_id: int, *, by: Person) -> HttpResponse:
    row = campaigns.find(by, campaign_id)
    return answer({**_campaign(row), "items": [_item(item) for item in campaigns.items(by, row)]})


@operation(
    "POST",
    "Keep a role or end it.",
    request={"keep": "boolean", "reason": "string"},
    answers={200: "The answer.", 409: "It has been answered."},
)
def answer_item(request: HttpRequest, item_id: int, *, by: Person) -> HttpResponse:
    item = campaigns.find_item(by, item_id)
    fields = Fields(body(request))
    keep, reason = fields.truth("keep"), fields.text("reason")
    fields.done()
    commands.answer_item(by=by, item=item, keep=keep, reason=reason)
    return answer(_item(campaigns.find_item(by, item_id)))


@operation("POST", "Close a review in which all is answered.", answers={200: "It, with its statement."})
def close_campaign(request: HttpRequest, campaign_id: int, *, by: Person) -> HttpResponse:
    row = campaigns.find(by, campaign_id)
    commands.close_campaign(by=by, campaign=row)
    return answer(_campaign(campaigns.find(by, campaign_id)))


def _campaign(row: Campaign) -> Json:
    told: Json = {name: getattr(row, name) for name in ("title", "scope", "scope_key", "due", "unanswered")}
    return {
        "id": row.pk,
        **told,
        "opened_by": rendering.person(row.opened_by),
        "opened_at": row.opened_at,
        "closed_at": row.closed_at,
        "statement": row.statement_digest,
        **{name: getattr(row, name) for name in ("asked", "kept", "ended")},
    }


def _item(row: CampaignItem) -> Json:
    grant, found = row.grant, getattr(row, "answer", None)
    return {
        "id": row.pk,
        "person": rendering.person(grant.person),
        "role": grant.role,
        "scope": grant.scope,
        "scope_key": grant.scope_key,
        "reviewer": rendering.person(row.reviewer),
        "kept": found.kept if found else None,
        "reason": found.reason if found else "",
        "answered_by": rendering.person(found.answered_by) if found else None,
    }


campaign_list = endpoint(list_campaigns, open_campaign)
campaign = endpoint(show_campaign)
item_answer = endpoint(answer_item)
campaign_closing = endpoint(close_campaign)
