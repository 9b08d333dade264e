"""One's notices and subscriptions as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import listed
from apps.api.reading import Fields, body
from apps.notices import commands, queries

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.notices.models import Notice


def _notice(row: Notice) -> dict[str, Any]:
    return {
        "id": row.pk,
        "topic": row.topic,
        "text": row.text,
        "link": row.link,
        "model": row.model_key or None,
        "made_at": row.made_at,
        "read_at": row.read_at,
    }


@operation(
    "GET",
    "The caller's notices, newest first.",
    query={"unread": "string", "cursor": "string"},
    answers={200: "Notices and the next cursor."},
)
def list_notices(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = queries.notices_of(by)
    rows = rows.filter(read_at=None) if request.GET.get("unread") == "1" else rows
    return answer(listed(request, "notices", rows, by_time="made_at", render=_notice))


@operation("POST", "Mark all of the caller's notices as read.", answers={200: "How many."})
def read_notices(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer({"read": commands.read_notices(by=by)})


@operation("GET", "What the caller hears of.", answers={200: "A subscription for each topic."})
def list_subscriptions(request: HttpRequest, *, by: Person) -> HttpResponse:
    told = [
        {
            "topic": topic,
            "title": said.title,
            "listed": row.listed if row else True,
            "mail": row.mail if row else said.mail,
            "unit": (row.unit_key if row else "") or None,
            "model": (row.model_key if row else "") or None,
        }
        for topic, said, row in queries.subscriptions_of(by)
    ]
    return answer({"subscriptions": told})


@operation(
    "POST",
    "Say what one wants to hear of a topic; a person does, signed in.",
    request={
        "topic": "string",
        "listed": "boolean",
        "mail": "string",
        "unit": "string?",
        "model": "string?",
    },
    answers={200: "The subscription."},
)
def subscribe(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    topic, mail, shown = fields.text("topic"), fields.text("mail"), fields.truth("listed")
    scope = {"unit": fields.text("unit", ""), "model": fields.text("model", "")}
    fields.done()
    row = commands.subscribe(by=by, topic=topic, listed=shown, mail=mail, **scope)
    return answer({"topic": row.topic, "listed": row.listed, "mail": row.mail, **scope})


notices = endpoint(list_notices, read_notices)
subscriptions = endpoint(list_subscriptions, subscribe)
