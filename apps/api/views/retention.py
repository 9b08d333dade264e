"""Legal holds and what is due. Removing and erasing take a confirmed password, and so a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access import commands
from apps.access.holding import HoldLine, hold_seen, holds_told, may_see_holds
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.audit.past import clock
from apps.inventory.retention import due, endings, retention

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.audit.models import LegalHold

MOST = 1_000


@operation(
    "GET",
    "The rules of retention, retired models with their last day, and what may be removed today.",
    answers={200: "Rules (null: everything is kept for ever), at most 1,000 retired models and files."},
)
def show_retention(request: HttpRequest, *, by: Person) -> HttpResponse:
    may_see_holds(by)
    rules, found = retention(), due(clock().date())
    told = rules and {"years": dict(rules.years), "otherwise": rules.otherwise}
    retired = [
        {"model": one.model.key, "retired": one.retired, "until": one.until, "held": one.held or None}
        for one in endings()[:MOST]
    ]
    files = [
        {"digest": one.blob.digest, "size": one.blob.size, "models": list(one.models), "since": one.since}
        for one in found.rows[:MOST]
    ]
    sums = {"files": len(found.rows), "bytes": found.size, "digest": found.digest, "first": files}
    return answer({"rules": told, "retired": retired, "due": sums})


@operation("GET", "Legal holds: those that stand, then the newest ended.", answers={200: "Holds."})
def list_holds(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer({"holds": [_line(line) for line in holds_told(by)]})


@operation(
    "POST",
    "Place a legal hold on a model, a span of days, both, or everything.",
    request={"reason": "string", "model": "string?", "first_day": "date?", "last_day": "date?"},
    answers={201: "The hold."},
)
def place(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    reason, model = fields.text("reason"), fields.text("model", "")
    first, last = (fields.day(name) if fields.names(name) else None for name in ("first_day", "last_day"))
    fields.done()
    hold = commands.place_hold(by=by, reason=reason, model=model, first_day=first, last_day=last)
    return answer(_hold(hold), status=201)


@operation(
    "POST",
    "Release a legal hold that another person placed.",
    request={"reason": "string"},
    answers={200: "The hold.", 404: "No such hold.", 409: "Placed by the same person, or released before."},
)
def release(request: HttpRequest, hold_id: UUID, *, by: Person) -> HttpResponse:
    hold, fields = hold_seen(by, hold_id), Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    commands.release_hold(by=by, hold=hold, reason=reason)
    return answer(_hold(hold))


def _line(line: HoldLine) -> dict[str, Any]:
    ended = line.release and {
        "by": line.released_by,
        "at": line.release.released_at,
        "reason": line.release.reason,
        "statement": line.release.statement_digest,
    }
    return {**_hold(line.hold), "placed_by": line.placed_by, "stands": line.stands, "released": ended}


def _hold(hold: LegalHold) -> dict[str, Any]:
    return {
        "id": hold.pk,
        "model": hold.model or None,
        "first_day": hold.first_day,
        "last_day": hold.last_day,
        "reason": hold.reason,
        "placed_at": hold.placed_at,
        "statement": hold.statement_digest,
    }


kept = endpoint(show_retention)
holds = endpoint(list_holds, place)
hold_release = endpoint(release)
