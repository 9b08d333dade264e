"""May this version run there? The deploy gate over HTTP."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from apps.access.queries import held_anywhere
from apps.access.states import Permission
from apps.api import rendering
from apps.api.endpoints import answer, describe, endpoint, operation, refuse_secrets_in
from apps.api.identities import asking, pipeline_of
from apps.api.problems import ApiProblem, answers_problems
from apps.api.reading import Fields, body
from apps.audit.errors import Forbidden, Refused
from apps.deploys import commands, queries
from apps.deploys.genuine import sealed_outcome
from apps.deploys.states import Outcome

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.deploys.models import Admission

STRICT = {
    Outcome.ALLOW: 200,
    Outcome.ALLOW_WITH_LIMITS: 200,
    Outcome.DENY: 403,
    Outcome.PENDING: 409,
    Outcome.ERROR: 503,
}
LONGEST_WAIT = 30
# Whoever waits holds a thread: the others must still be answered.
_PATIENT = threading.BoundedSemaphore(2)


@operation(
    "POST",
    "Ask whether a version may run in an environment. A deny is an answer: 200 with allowed false.",
    request={
        "model": "string",
        "version": "string",
        "environment": "string",
        "digest": "string?",
        "use": "string?",
        "population": "string?",
        "jurisdiction": "string?",
        "exposure_eur": "string?",
        "experiment": "string?",
        "share": "string?",
        "type": "string?",
        "properties": "object?",
    },
    query={"strict": "integer, 1 answers by status: 200 allow, 403 deny, 409 pending, 503 could not decide"},
    answers={
        200: "The answer with every reason and its signed statement.",
        403: "With strict=1: deny.",
        409: "With strict=1: pending.",
        503: "With strict=1: it could not be decided.",
    },
)
def ask(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    model, environment = fields.text("model", longest=200), fields.text("environment", longest=80)
    if pipeline := pipeline_of(request):
        pipeline.permit(model, environment)
    version, digest = fields.text("version", longest=120), fields.text("digest", "", longest=71)
    said = {
        "use": fields.text("use", "", longest=120),
        "population": fields.text("population", "", longest=200),
        "jurisdiction": fields.text("jurisdiction", "", longest=10),
        "exposure_eur": fields.text("exposure_eur", "", longest=40),
        "experiment": fields.text("experiment", "", longest=36),
        "share": fields.text("share", "", longest=10),
        "deploy_type": fields.text("type", "", longest=20),
    }
    stated = fields.mapping("properties", {})
    fields.done()
    strict(request)  # refused before anything is sealed
    admission = commands.admit(
        by=by,
        model=model,
        version=version,
        environment=environment,
        digest=digest,
        properties=stated,
        **said,
    )
    response = _bytes(request, Outcome(admission.outcome), bytes(admission.answer))
    response.headers["Location"] = f"/api/v1/admissions/{admission.pk}"
    return response


def stored(request: HttpRequest, admission_id: UUID, answer: bytes) -> HttpResponse:
    """A stored answer, once it is found to be the one that was sealed."""
    try:
        return _bytes(request, sealed_outcome(answer, admission_id), answer)
    except Refused as error:
        raise ApiProblem(503, str(error), code=error.code) from error


def strict(request: HttpRequest) -> bool:
    """Whether the status itself shall be the answer, for callers that see nothing else."""
    asked = request.GET.get("strict", "0")
    if asked not in ("0", "1"):
        raise ApiProblem(422, f'"strict" is 0 or 1, not {asked[:20]!r}.', code="invalid", field="strict")
    return asked == "1"


@operation(
    "GET",
    "One answer of the deploy gate, as given; `wait` long-polls a pending one.",
    query={"wait": f"integer, seconds from 0 to {LONGEST_WAIT}", "strict": "integer, as above"},
    answers={
        200: "The answer.",
        403: "With strict=1: deny.",
        409: "With strict=1: pending.",
        503: "With strict=1: it could not be decided; or the stored answer is not the one that was sealed.",
    },
)
def show_admission(request: HttpRequest, admission_id: UUID, *, by: Person) -> HttpResponse:
    patience = _seconds(request.GET.get("wait", "0"))
    admission = queries.find_admission(by, admission_id)
    if pipeline := pipeline_of(request):
        pipeline.permit(admission.model_key, admission.environment)
    if patience and Permission.ADMISSION_ASK in held_anywhere(by):
        admission = _awaited(by, admission, until=time.monotonic() + patience)
    return stored(request, admission.pk, bytes(admission.answer))


def _awaited(by: Person, admission: Admission, *, until: float) -> Admission:
    """The answer once it is no longer pending; given at once where too many wait already."""
    if admission.outcome != Outcome.PENDING or not _PATIENT.acquire(blocking=False):
        return admission
    try:
        while admission.outcome == Outcome.PENDING and time.monotonic() < until:
            time.sleep(min(0.5, max(0.0, until - time.monotonic())))
            admission = commands.ask_again(by=by, admission=admission)
    finally:
        _PATIENT.release()
    return admission


def _seconds(text: str) -> float:
    if not (text.isascii() and text.isdigit()) or int(text) > LONGEST_WAIT:
        raise ApiProblem(
            422, f'"wait" is 0 to {LONGEST_WAIT} seconds, not {text!r}.', code="invalid", field="wait"
        )
    return float(text)


@operation(
    "GET",
    "The feed of answers, newest first.",
    query={"model": "string", "environment": "string", "outcome": "string", "cursor": "string"},
    answers={200: "Answers and the next cursor."},
)
def feed(request: HttpRequest, *, by: Person) -> HttpResponse:
    if pipeline_of(request):
        raise Forbidden("A pipeline reads the answers that it asked for, one by one.")
    filters = {k: request.GET[k] for k in ("model", "environment", "outcome") if request.GET.get(k)}
    found = queries.decision_feed(by, filters, request.GET.get("cursor"))
    return answer({"admissions": [rendering.admission(a) for a in found.rows], "next": found.next})


_shown = endpoint(show_admission, who=asking)


@csrf_exempt
@answers_problems
def admission(request: HttpRequest, admission_id: UUID) -> HttpResponseBase:
    """As `show_admission`. A pipeline that polls its own answer gets the stored bytes by the short way."""
    scheme, _, raw = request.headers.get("Authorization", "").partition(" ")
    if request.method == "GET" and scheme.lower() == "bearer" and not {"wait", "at"} & set(request.GET):
        refuse_secrets_in(request)
        found = queries.own_answer(raw.strip(), admission_id)
        if found is not None:
            return stored(request, admission_id, found)
    return _shown(request, admission_id=admission_id)


def _bytes(request: HttpRequest, outcome: Outcome, answer: bytes) -> HttpResponse:
    status = STRICT[outcome] if strict(request) else 200
    response = HttpResponse(answer, status=status, content_type="application/json")
    response.headers["Cache-Control"] = "private, no-store"
    return response


admission.endpoint = describe(_shown)  # type: ignore[attr-defined]
admissions = endpoint(feed, ask, who=asking)
