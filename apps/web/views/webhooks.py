"""Webhooks and chats: endpoints, what was sent to them, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters

from apps.access.queries import find_person
from apps.audit.errors import Invalid
from apps.notices import commands, guards, queries
from apps.notices.states import EndpointKind, outward
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.notices.models import Endpoint

HOME = "/administration/webhooks"
MOST = 100


@sensitive_post_parameters("address")
@page("GET", "POST")
def listed(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every endpoint, and the form for another one."""
    guards.manages(by)
    if request.method == "POST":
        return _added(request, by)
    context = {
        "title": "Webhooks and chats",
        "rows": queries.visible_endpoints(by),
        "letters": queries.dead_letters()[:MOST],
        "kinds": list(EndpointKind),
        "events": outward(),
    }
    return render(request, "notices/webhooks.html", context)


def _added(request: HttpRequest, by: Person) -> HttpResponse:
    sent = request.POST
    made, secret = commands.add_endpoint(
        by=by,
        name=sent.get("name", ""),
        kind=sent.get("kind", ""),
        address=sent.get("address", ""),
        events=sent.getlist("events"),
        owner=find_person(sent.get("owner") or by.username),
        unit=sent.get("unit", "").strip(),
        model=sent.get("model", "").strip(),
    )
    return (
        _secret(request, made, secret) if secret else done(request, f"{made} is added.", f"{HOME}/{made.pk}")
    )


def _secret(request: HttpRequest, made: Endpoint, secret: str) -> HttpResponse:
    return render(request, "notices/secret.html", {"title": made.name, "row": made, "secret": secret})


@page("GET", "POST")
def shown(request: HttpRequest, endpoint_id: UUID, *, by: Person) -> HttpResponse:
    """One endpoint: how it stands, its deliveries, and what can be done."""
    row = queries.find_endpoint(by, endpoint_id)
    if request.method == "POST":
        act = request.POST.get("act", "")
        if act == "rotate":
            hours = request.POST.get("hours", "")
            if not hours.isascii() or not hours.isdigit() or len(hours) > 4:
                raise Invalid(f'"hours" is {hours[:20]!r}; a whole number was expected.', field="hours")
            return _secret(request, row, commands.rotate_secret(by=by, endpoint=row, hours=int(hours)))
        if act not in _ACTS:
            raise Invalid(f'There is no act "{act[:40]}".', field="act")
        return done(request, _ACTS[act](request, row, by), f"{HOME}/{row.pk}")
    state = request.GET.get("state", "")
    rows = queries.deliveries_of(row)
    if state in _STATES:
        rows = rows.filter(**_STATES[state])
    context = {
        "title": row.name,
        "row": row,
        "deliveries": rows[:MOST],
        "state": state,
        "manages": queries.manages(by),
        "is_owner": row.owner_id == by.pk,
        "events": outward(),
    }
    return render(request, "notices/webhook.html", context)


_STATES = {
    "waiting": {"due_at__isnull": False},
    "delivered": {"delivered_at__isnull": False},
    "dead": {"dead_at__isnull": False},
}


def _events(request: HttpRequest, row: Endpoint, by: Person) -> str:
    commands.change_endpoint(by=by, endpoint=row, events=request.POST.getlist("events"))
    return f"{row} hears other events now."


def _stop(request: HttpRequest, row: Endpoint, by: Person) -> str:
    commands.stop_endpoint(by=by, endpoint=row, reason=request.POST.get("reason", ""))
    return f"{row} is stopped; what waits goes on waiting."


def _start(request: HttpRequest, row: Endpoint, by: Person) -> str:
    commands.start_endpoint(by=by, endpoint=row)
    return f"{row} is told again."


def _agree(request: HttpRequest, row: Endpoint, by: Person) -> str:
    commands.agree_endpoint(by=by, endpoint=row)
    return f"{row} hears from now on what you may see."


def _trial(request: HttpRequest, row: Endpoint, by: Person) -> str:
    commands.send_trial(by=by, endpoint=row)
    return "A trial is on its way; its answer stands below in a moment."


def _replay(request: HttpRequest, row: Endpoint, by: Person) -> str:
    delivery = queries.find_delivery(by, request.POST.get("delivery", ""))
    commands.replay(by=by, delivery=delivery)
    return "It is sent once more, under the same id."


def _replay_all(request: HttpRequest, row: Endpoint, by: Person) -> str:
    count = commands.replay_all(by=by, endpoint=row)
    return f"{count} deliver{'y is' if count == 1 else 'ies are'} sent once more."


_ACTS: dict[str, Callable[[HttpRequest, Endpoint, Person], str]] = {
    "events": _events,
    "stop": _stop,
    "start": _start,
    "agree": _agree,
    "trial": _trial,
    "replay": _replay,
    "replay-all": _replay_all,
}
