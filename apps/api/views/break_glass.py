"""Break-glass over HTTP: two people break it, each in a session with the password confirmed just now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access.guards import require_anywhere
from apps.access.states import Permission
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import listed
from apps.api.proving import confirmed_at
from apps.api.reading import Fields, body
from apps.deploys import commands, glass
from apps.deploys.queries import find_environment
from apps.inventory.queries import find_use, find_version

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.deploys.models import GlassRequest

Json = dict[str, Any]


@operation(
    "GET",
    "Every break-glass that the caller may see, newest first.",
    query={"cursor": "string"},
    answers={200: "Requests, what came of each, and the next cursor."},
)
def list_glasses(request: HttpRequest, *, by: Person) -> HttpResponse:
    require_anywhere(by, Permission.ADMISSION_SEE)
    return answer(listed(request, "break_glass", glass.visible(by), by_time="asked_at", render=_glass))


@operation(
    "POST",
    "Ask to break the glass: nothing is open until a second person agrees.",
    request={
        "model": "string",
        "version": "string",
        "use": "string?",
        "environment": "string",
        "minutes": "integer",
        "reason": "string",
        "ticket": "string",
    },
    answers={201: "The request.", 403: "Not by this person, or the password was not confirmed just now."},
)
def ask_break_glass(request: HttpRequest, *, by: Person) -> HttpResponse:
    require_anywhere(by, Permission.BREAK_GLASS_ASK)
    fields = Fields(body(request))
    version = find_version(by, fields.text("model"), fields.text("version"))
    use = find_use(version.model, fields.text("use", ""))
    place, minutes = find_environment(fields.text("environment")), fields.whole("minutes")
    reason, ticket = fields.text("reason"), fields.text("ticket")
    fields.done()
    made = commands.ask_to_break_glass(
        by=by,
        version=version,
        use=use,
        environment=place,
        minutes=minutes,
        reason=reason,
        ticket=ticket,
        reauthenticated_at=confirmed_at(request, by),
    )
    return answer(_glass(glass.find(by, made.pk)), status=201)


@operation(
    "POST",
    "Agree to break the glass, as the second person.",
    request={},
    answers={
        201: "Until when it is open, and the finding.",
        403: "Not by this person, or the password was not confirmed just now.",
        409: "Asked for by the same person, or too late.",
    },
)
def agree(request: HttpRequest, glass_id: UUID, *, by: Person) -> HttpResponse:
    row = glass.find(by, glass_id)
    Fields(body(request)).done()
    commands.break_glass(by=by, request=row, reauthenticated_at=confirmed_at(request, by))
    return answer(_glass(glass.find(by, glass_id)), status=201)


@operation(
    "POST",
    "End a break-glass before its time, or refuse a request.",
    request={"reason": "string"},
    answers={200: "It has ended.", 409: "It had ended already."},
)
def end_glass(request: HttpRequest, glass_id: UUID, *, by: Person) -> HttpResponse:
    row = glass.find(by, glass_id)
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    commands.end_break_glass(by=by, request=row, reason=reason)
    return answer(_glass(glass.find(by, glass_id)))


def _glass(row: GlassRequest) -> Json:
    made = getattr(row, "glass", None)
    return {
        "id": row.pk,
        "model": row.version.model.key,
        "version": row.version.label,
        "digest": row.digest,
        "use": row.use.key,
        "environment": row.environment.key,
        "stands": glass.stands(row),
        "minutes": row.minutes,
        "reason": row.reason,
        "ticket": row.ticket,
        "asked_by": rendering.person(row.asked_by),
        "asked_at": row.asked_at,
        "agreed_by": rendering.person(made.granted_by) if made else None,
        "valid_from": made.valid_from if made else None,
        "valid_to": made.valid_to if made else None,
        "finding": made.finding_id if made else None,
        "statement": made.statement_digest if made else None,
    }


glasses = endpoint(list_glasses, ask_break_glass)
glass_agreeing = endpoint(agree)
glass_ending = endpoint(end_glass)
