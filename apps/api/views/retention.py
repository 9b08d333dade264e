"""Legal holds, what is due, and what cannot be taken back, which takes a confirmed password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access import commands
from apps.access.guards import require, require_reauthentication
from apps.access.holding import HoldLine, hold_seen, holds_told, may_see_holds
from apps.access.overseeing import overseen
from apps.access.proving import proved_at
from apps.access.states import Permission
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.audit.errors import Invalid
from apps.audit.past import clock
from apps.inventory import commands as inventory
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
    answers={
        200: "The hold.",
        403: "The session's password was not confirmed within 15 minutes.",
        404: "No such hold.",
        409: "Placed by the same person, or released before.",
    },
)
def release(request: HttpRequest, hold_id: UUID, *, by: Person) -> HttpResponse:
    hold = hold_seen(by, hold_id)
    _proved(request, by)
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    commands.release_hold(by=by, hold=hold, reason=reason)
    return answer(_hold(hold))


@operation(
    "POST",
    "Remove the files whose time is over: the list that was shown, named by its digest (`due.digest`).",
    request={"reason": "string", "shown": "string"},
    answers={
        200: "The files that are gone.",
        403: "The session's password was not confirmed within 15 minutes.",
        409: "What is due has changed since it was shown; nothing was removed.",
    },
)
def remove(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.HOLD_MANAGE)
    _proved(request, by)
    fields = Fields(body(request))
    reason, shown = fields.text("reason"), fields.text("shown")
    fields.done()
    gone = inventory.purge_blobs(by=by, reason=reason, shown=shown)
    told = [{"digest": one.blob.digest, "size": one.blob.size, "models": list(one.models)} for one in gone]
    return answer({"removed": told, "bytes": sum(one.blob.size for one in gone)})


@operation(
    "POST",
    "Erase what is known of a person for good; the account ends. `again` is the username once more.",
    request={"again": "string", "reason": "string"},
    answers={
        200: "What the account is called from now on.",
        403: "The session's password was not confirmed within 15 minutes.",
        404: "Nobody has this username.",
        409: "The caller's own account, or erased before.",
        422: "The two usernames differ; nothing was erased.",
    },
)
def erase(request: HttpRequest, username: str, *, by: Person) -> HttpResponse:
    person = overseen(by, username)
    require(by, Permission.PERSON_MANAGE)
    _proved(request, by)
    fields = Fields(body(request))
    again, reason = fields.text("again"), fields.text("reason")
    fields.done()
    if again != username:
        raise Invalid("The two usernames differ; nothing was erased.", field="again")
    return answer({"username": commands.erase_person(by=by, person=person, reason=reason).username})


def _proved(request: HttpRequest, by: Person) -> None:
    """What cannot be taken back asks for the password of the last minutes; no token has one."""
    require_reauthentication(None if by.token is not None else proved_at(request.session))


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
removal = endpoint(remove)
erasure = endpoint(erase)
