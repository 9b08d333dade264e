"""Endpoints and their deliveries as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access.queries import find_person
from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import listed
from apps.api.reading import Fields, body
from apps.notices import commands, guards, queries

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.notices.models import Delivery, Endpoint


def _endpoint(row: Endpoint) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "name": row.name,
        "kind": row.kind,
        "place": row.place,
        "events": row.events,
        "unit": row.unit_key or None,
        "model": row.model_key or None,
        "owner": row.owner.username,
        "added_at": row.added_at,
        "agreed_at": row.agreed_at,
        "stopped_at": row.stopped_at,
        "stopped_why": row.stopped_why or None,
        "failures": row.failures,
        "open_until": row.open_until,
    }


def _delivery(row: Delivery) -> dict[str, Any]:
    tries = [{"number": t.number, "at": t.at, "status": t.status, "said": t.said} for t in row.tries.all()]
    return {
        "id": str(row.pk),
        "event": row.kind,
        "model": row.model_key or None,
        "made_at": row.made_at,
        "due_at": row.due_at,
        "delivered_at": row.delivered_at,
        "dead_at": row.dead_at,
        "attempts": row.attempts,
        "answers": tries[:20],
    }


@operation("GET", "Endpoints that are told of events.", answers={200: "Endpoints."})
def list_webhooks(request: HttpRequest, *, by: Person) -> HttpResponse:
    guards.manages(by)
    return answer({"webhooks": [_endpoint(row) for row in queries.visible_endpoints(by)]})


@operation(
    "POST",
    "Add an endpoint; its secret stands in this answer alone.",
    request={
        "name": "string",
        "kind": "string",
        "address": "string",
        "events": "array",
        "owner": "string?",
        "unit": "string?",
        "model": "string?",
    },
    answers={201: "The endpoint and its secret."},
)
def add_webhook(request: HttpRequest, *, by: Person) -> HttpResponse:
    guards.manages(by)
    fields = Fields(body(request))
    given = {name: fields.text(name) for name in ("name", "kind", "address")}
    events, owner = fields.texts("events"), fields.text("owner", by.username)
    scope = {"unit": fields.text("unit", ""), "model": fields.text("model", "")}
    fields.done()
    made, secret = commands.add_endpoint(by=by, events=events, owner=find_person(owner), **given, **scope)
    place = {"Location": f"/api/v1/webhooks/{made.pk}"}
    return answer({**_endpoint(made), "secret": secret or None}, status=201, headers=place)


@operation("GET", "One endpoint.", answers={200: "The endpoint.", 404: "No such endpoint."})
def show_webhook(request: HttpRequest, endpoint_id: UUID, *, by: Person) -> HttpResponse:
    return answer(_endpoint(queries.find_endpoint(by, endpoint_id)))


@operation(
    "GET",
    "What an endpoint was told or is to be told, newest first.",
    query={"cursor": "string"},
    answers={200: "Deliveries and the next cursor."},
)
def list_deliveries(request: HttpRequest, endpoint_id: UUID, *, by: Person) -> HttpResponse:
    rows = queries.deliveries_of(queries.find_endpoint(by, endpoint_id))
    return answer(listed(request, "deliveries", rows, by_time="made_at", render=_delivery))


@operation(
    "POST",
    "Make a new secret; the former one signs beside it for some hours.",
    request={"hours": "integer"},
    answers={200: "The secret, in this answer alone."},
)
def rotate_webhook_secret(request: HttpRequest, endpoint_id: UUID, *, by: Person) -> HttpResponse:
    row = queries.find_endpoint(by, endpoint_id)
    fields = Fields(body(request))
    hours = fields.whole("hours")
    fields.done()
    return answer({"secret": commands.rotate_secret(by=by, endpoint=row, hours=hours)})


@operation("POST", "Stop an endpoint.", request={"reason": "string"}, answers={200: "The endpoint."})
def stop_webhook(request: HttpRequest, endpoint_id: UUID, *, by: Person) -> HttpResponse:
    row = queries.find_endpoint(by, endpoint_id)
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    return answer(_endpoint(commands.stop_endpoint(by=by, endpoint=row, reason=reason)))


@operation("POST", "Start a stopped endpoint again.", answers={200: "The endpoint."})
def start_webhook(request: HttpRequest, endpoint_id: UUID, *, by: Person) -> HttpResponse:
    row = queries.find_endpoint(by, endpoint_id)
    return answer(_endpoint(commands.start_endpoint(by=by, endpoint=row)))


@operation(
    "POST", "Let an endpoint hear other events.", request={"events": "array"}, answers={200: "The endpoint."}
)
def change_webhook(request: HttpRequest, endpoint_id: UUID, *, by: Person) -> HttpResponse:
    row = queries.find_endpoint(by, endpoint_id)
    fields = Fields(body(request))
    events = fields.texts("events")
    fields.done()
    return answer(_endpoint(commands.change_endpoint(by=by, endpoint=row, events=events)))


@operation(
    "POST",
    "As its owner agree that an endpoint hears what one may see; a session does this, no token.",
    answers={200: "The endpoint."},
)
def agree_webhook(request: HttpRequest, endpoint_id: UUID, *, by: Person) -> HttpResponse:
    row = queries.find_endpoint(by, endpoint_id)
    return answer(_endpoint(commands.agree_endpoint(by=by, endpoint=row)))


@operation("POST", "Send a trial.", answers={202: "The delivery that waits."})
def send_webhook_trial(request: HttpRequest, endpoint_id: UUID, *, by: Person) -> HttpResponse:
    row = queries.find_endpoint(by, endpoint_id)
    return answer(_delivery(commands.send_trial(by=by, endpoint=row)), status=202)


@operation("POST", "Send once more everything that was given up.", answers={202: "How many."})
def replay_webhook(request: HttpRequest, endpoint_id: UUID, *, by: Person) -> HttpResponse:
    row = queries.find_endpoint(by, endpoint_id)
    return answer({"count": commands.replay_all(by=by, endpoint=row)}, status=202)


@operation("POST", "Send one delivery once more, under the same id.", answers={202: "The delivery."})
def replay_delivery(request: HttpRequest, delivery_id: UUID, *, by: Person) -> HttpResponse:
    row = queries.find_delivery(by, delivery_id)
    return answer(_delivery(commands.replay(by=by, delivery=row)), status=202)


webhooks = endpoint(list_webhooks, add_webhook)
webhook = endpoint(show_webhook)
deliveries = endpoint(list_deliveries)
rotation = endpoint(rotate_webhook_secret)
stopping = endpoint(stop_webhook)
starting = endpoint(start_webhook)
trials = endpoint(send_webhook_trial)
replays = endpoint(replay_webhook)
delivery_replay = endpoint(replay_delivery)
hearing = endpoint(change_webhook)
agreeing = endpoint(agree_webhook)
