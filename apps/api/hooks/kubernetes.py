"""A cluster asks before something runs: the validating admission webhook, and Gatekeeper's provider."""

from __future__ import annotations

import hmac
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from apps.api.endpoints import answer, refuse_secrets_in
from apps.api.hooks.receiving import raw_body
from apps.api.problems import ApiProblem, answers_problems
from apps.api.reading import parse
from apps.audit.context import authenticated
from apps.audit.errors import Invalid
from apps.deploys.clusters import Asking, Told, read_key
from apps.deploys.integrations import reading
from apps.deploys.integrations.heard import unproved
from apps.deploys.integrations.reading import Called
from apps.engine import kubernetes
from apps.engine.errors import Problem

LARGEST = 3 << 20
PROVIDER = "externaldata.gatekeeper.sh/v1beta1"
MOST_KEYS = 32


@csrf_exempt
@answers_problems
def review(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """Answer an AdmissionReview: every model that the resource loads must be allowed, or nothing is."""
    called, document = _called(request, "kubernetes", integration_id)
    try:
        asked = kubernetes.read_review(document, called.row.settings.get("prefix", kubernetes.PREFIX))
    except Problem as problem:
        raise ApiProblem(400, str(problem), code="malformed") from None
    if asked.gone:
        return answer(kubernetes.answer(asked.uid, allowed=True, notes={}))
    asking = Asking(called.account, called.row.settings["environment"], dry=asked.dry_run)
    told = asking.about(asked.loads)
    return answer(_reviewed(asked, told))


def _reviewed(asked: kubernetes.Review, told: list[Told]) -> dict[str, Any]:
    denied = [one for one in told if not one.allowed]
    notes = {"admission": ",".join(one.admission for one in told if one.admission)}
    if denied or not told:
        sentences = [f"{one.name}: {' '.join(one.sentences)}" for one in denied]
        message = " ".join(sentences) or f"{asked.kind} {asked.name} names no model."
        return kubernetes.answer(asked.uid, allowed=False, message=message, notes=_filled(notes))
    warnings = [f"{one.name}: {sentence}" for one in told for sentence in one.limits]
    return kubernetes.answer(asked.uid, allowed=True, warnings=warnings, notes=_filled(notes))


def _filled(notes: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in notes.items() if value}


@csrf_exempt
@answers_problems
def provide(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """Answer a ProviderRequest of Gatekeeper, key by key; a key that cannot be answered is an error."""
    called, document = _called(request, "gatekeeper", integration_id)
    body = document if isinstance(document, dict) else {}
    asked = body.get("request") if isinstance(body.get("request"), dict) else {}
    keys = asked.get("keys") if isinstance(asked, dict) else None
    if (body.get("apiVersion"), body.get("kind")) != (PROVIDER, "ProviderRequest"):
        return answer(_provided([], f"The body is no ProviderRequest of {PROVIDER}."))
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        return answer(_provided([], 'The request\'s "keys" are no list of texts.'))
    if len(keys) > MOST_KEYS:
        return answer(_provided([], f"{len(keys)} keys are asked for; at most {MOST_KEYS} are answered."))
    asking = Asking(called.account, called.row.settings["environment"])
    return answer(_provided([_item(asking, key) for key in keys]))


def _item(asking: Asking, key: str) -> dict[str, Any]:
    try:
        told = asking.one(read_key(key, asking.environment))
    except Invalid as error:
        return {"key": key, "error": str(error)}
    if told.outcome == "error":
        return {"key": key, "error": " ".join(told.sentences)}
    value = {"allowed": told.allowed, "decision": told.outcome, "admission": told.admission}
    return {"key": key, "value": {**value, "reason": " ".join(told.sentences)}}


def _provided(items: list[dict[str, Any]], problem: str = "") -> dict[str, Any]:
    response = {"idempotent": True, "items": items, "systemError": problem}
    return {"apiVersion": PROVIDER, "kind": "ProviderResponse", "response": response}


def _called(request: HttpRequest, kind: str, integration_id: UUID) -> tuple[Called, Any]:
    """Who was called, and the body; the address itself is the secret of a cluster."""
    refuse_secrets_in(request)
    if request.method != "POST":
        raise ApiProblem(405, "This address answers POST.", code="method", headers={"Allow": "POST"})
    raw = raw_body(request, largest=LARGEST)
    called = reading.called_at(kind, integration_id)
    if called is None or not _certified(request, called.row.settings.get("certificate", "")):
        raise ApiProblem(401, str(unproved()), code="unproved")
    authenticated(method="certificate" if called.row.settings.get("certificate") else "address")
    return called, parse(raw)


def _certified(request: HttpRequest, fingerprint: str) -> bool:
    """Whether the proxy saw the client certificate that is asked for; true where none is."""
    told = request.headers.get("X-Client-Certificate-SHA256", "").replace(":", "").lower()
    return not fingerprint or hmac.compare_digest(told.encode(), fingerprint.lower().encode())
