"""The challenge log: questions, answers and remarks, bound to what they speak of by digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import page_of
from apps.api.reading import Fields, body
from apps.approvals import commands
from apps.approvals.challenges import find_challenge, visible_challenges
from apps.approvals.states import Said
from apps.reports import challenges as log

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.reports.challenges import Entry

FILTERS = {"model": "model__key", "version": "version__label", "thing": "thing", "digest": "thing_digest"}


def rendered(entry: Entry) -> dict[str, Any]:
    """An entry as JSON; `earlier` where its thing has another digest today."""
    row = entry.row
    return {
        "id": row.pk,
        "model": row.model.key,
        "version": row.version.label if row.version else None,
        "thing": {"type": row.thing, "id": row.thing_id, "name": row.thing_name, "digest": row.thing_digest},
        "said": row.said,
        "answers": row.answers_id,
        "person": rendering.person(row.person),
        "text": entry.text,
        "calls": [rendering.person(mention.person) for mention in row.mentions.all()],
        "said_at": row.said_at,
        "earlier": entry.earlier,
        "sealed": entry.sealed,
        "statement": row.statement_digest,
    }


@operation(
    "GET",
    "The challenge log as far as the caller may read it, newest first.",
    query=dict.fromkeys((*FILTERS, "cursor"), "string"),
    answers={200: "Entries and the next cursor."},
)
def list_entries(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = visible_challenges(by)
    for name, path in FILTERS.items():
        if request.GET.get(name):
            rows = rows.filter(**{path: request.GET[name]})
    shown, after = page_of(request, rows, by_time="said_at")
    return answer({"challenges": [rendered(entry) for entry in log.entries(shown)], "next": after})


@operation(
    "POST",
    "Ask, answer or remark something on evidence or a decision by digest, on a report or finding by id.",
    request={
        "thing": "string",
        "id": "string",
        "text": "string",
        "said": "string?",
        "answers": "string?",
    },
    answers={201: "The entry."},
)
def add_entry(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    thing, key, text = fields.text("thing"), fields.text("id"), fields.text("text")
    said, answered = fields.text("said", Said.REMARK), fields.text("answers", "")
    fields.done()
    made = commands.challenge(
        by=by,
        about=log.find_about(by, thing, key),
        text=text,
        said=said,
        answers=find_challenge(by, answered) if answered else None,
    )
    return answer(rendered(log.entries([made])[0]), status=201)


challenges = endpoint(list_entries, add_entry)
