"""What every address below /hooks/ does: how much, of which type, from whom; then the delivery is noted.

An address that nobody set up, one that is disabled and a delivery that proves nothing are answered alike.
"""

from __future__ import annotations

import time
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from apps.api.endpoints import answer, refuse_secrets_in
from apps.api.problems import ApiProblem, answers_problems
from apps.api.reading import content_length
from apps.audit.context import authenticated
from apps.audit.retrying import retried
from apps.deploys import commands
from apps.deploys.integrations import cloudevents, reading
from apps.deploys.integrations.adapters import ADAPTERS
from apps.deploys.integrations.heard import LARGEST, Delivery, Heard, Unproved, unproved
from apps.deploys.integrations.reading import Called


def raw_body(request: HttpRequest, *, largest: int = LARGEST, media: str = "application/json") -> bytes:
    """The bytes of a body of that type, refused by its stated length before one of them is read."""
    if content_length(request) > largest:
        raise ApiProblem(413, f"The body may have {largest:,} bytes.", code="too_large")
    if request.content_type != media:
        raise ApiProblem(415, f"Send {media}, not {request.content_type or 'nothing'}.", code="media_type")
    return request.body


@csrf_exempt
@answers_problems
def deliver(request: HttpRequest, kind: str, integration_id: UUID) -> HttpResponseBase:
    """One delivery: proved, noted, and 202 before anything is decided; 200 where it came before."""
    refuse_secrets_in(request)
    if request.method == "OPTIONS" and kind == "cloudevents":
        return _permitted(request, integration_id)
    if request.method != "POST":
        raise ApiProblem(405, "This address answers POST.", code="method", headers={"Allow": "POST"})
    raw = raw_body(request, media=ADAPTERS[kind].media if kind in ADAPTERS else "application/json")
    try:
        return retried(lambda: _taken(request, raw, kind, integration_id))
    except Unproved as problem:
        raise ApiProblem(401, str(problem), code="unproved") from None


def _taken(request: HttpRequest, raw: bytes, kind: str, integration_id: UUID) -> HttpResponse:
    called = reading.called_at(kind, integration_id)
    if called is None or kind not in ADAPTERS:
        raise unproved()
    heard = ADAPTERS[kind].hear(_delivery(request, raw, called))
    authenticated(method="signature")
    taken = commands.take_in(by=called.account, integration=called.row, heard=heard, body=raw)
    return _noted(heard, new=taken.new)


def _permitted(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """A sender of CloudEvents asks whether it may deliver here: where its origin is named, it may."""
    called = reading.called_at("cloudevents", integration_id)
    headers = cloudevents.handshake(request.headers, called.row.settings) if called else {}
    if not headers:
        raise ApiProblem(401, str(unproved()), code="unproved")
    return HttpResponse(status=200, headers={"Allow": "POST, OPTIONS", **headers})


def _delivery(request: HttpRequest, raw: bytes, called: Called) -> Delivery:
    return Delivery(
        headers=request.headers,
        raw=raw,
        secrets=called.secrets,
        settings=called.row.settings,
        hosts=called.row.hosts,
        now=time.time(),
    )


def _noted(heard: Heard, *, new: bool) -> HttpResponse:
    said = heard.outcome if new else "taken in before"
    return answer({"delivery": heard.delivery, "outcome": said}, status=202 if new else 200)
