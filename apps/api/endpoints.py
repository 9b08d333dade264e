"""The form of an endpoint: who asks, which methods, what body, said once and published as OpenAPI."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt

from apps.access.commands import begin_idempotent, finish_idempotent, forget_idempotent, note_token_use
from apps.access.guards import require_factor
from apps.access.proving import proved_by_session
from apps.access.queries import authenticate_token, signed_in
from apps.access.tokens import PREFIX
from apps.api import past
from apps.api.problems import FORESEEN, ApiProblem, answers_problems, problem, translated
from apps.api.reading import refuse_large
from apps.audit.context import authenticated
from apps.audit.retrying import retried

if TYPE_CHECKING:
    from apps.access.models import Person

Handler = Callable[..., HttpResponseBase]

SAFE = ("GET", "HEAD", "OPTIONS")
PASSING = (408, 425, 429)  # refusals that say nothing about the request itself
KEPT_HEADERS = ("Content-Type", "Location")
_SECRET_NAMES = frozenset({"token", "access_token", "api_key", "apikey", "authorization", "password"})
_TOKEN = re.compile(rf"(?<![A-Za-z0-9_-]){PREFIX}[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one endpoint, as the published schema tells it."""

    method: str
    summary: str
    handler: Handler
    request: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[int, str] = field(default_factory=dict)
    media: str = "application/json"
    produces: tuple[str, ...] = ("application/json",)
    additions: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path's operations by method."""

    operations: Mapping[str, Operation]
    public: bool = False


def operation(
    method: str,
    summary: str,
    *,
    request: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    answers: Mapping[int, str] | None = None,
    media: str = "application/json",
    produces: tuple[str, ...] = ("application/json",),
    additions: bool = False,
) -> Callable[[Handler], Operation]:
    """Declare a function as one method of an endpoint; it is called with ``request`` and ``by``.

    `media` is what its body must be, `produces` what an answer that is no problem may be.
    With `additions` a body in the form of somebody else's standard may hold fields that are not named.
    """

    def declare(handler: Handler) -> Operation:
        return Operation(
            method=method,
            summary=summary,
            handler=handler,
            request=request or {},
            query=query or {},
            answers=answers or {200: "The answer."},
            media=media,
            produces=produces,
            additions=additions,
        )

    return declare


def endpoint(
    *operations: Operation, public: bool = False, who: Callable[[HttpRequest], Person] | None = None
) -> Handler:
    """A view of these operations; an unknown method gets 405, an unknown caller 401.

    `who` says who asks, where it is not one of the two whom every endpoint knows: a token, a session.
    """
    table = {op.method: op for op in operations}

    @csrf_exempt
    @answers_problems
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        refuse_secrets_in(request)
        chosen = _chosen(request, table)
        by = None if public else (who or caller)(request)

        def run() -> HttpResponseBase:
            return chosen.handler(request, by=by, **kwargs)

        repeatable = chosen.method == "POST" and by is not None
        if repeatable and by:
            response = retried(lambda: once(request, by, run))
        else:
            response = past.answered(request, run)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    view.endpoint = Endpoint(table, public)  # type: ignore[attr-defined]
    return view


def _chosen(request: HttpRequest, table: Mapping[str, Operation]) -> Operation:
    method = "GET" if request.method == "HEAD" and "HEAD" not in table else str(request.method)
    if method not in table:
        allowed = ", ".join(sorted(table))
        raise ApiProblem(405, f"This address answers {allowed}.", code="method", headers={"Allow": allowed})
    if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        raise ApiProblem(404, "There is nothing at this address.", code="not_found")
    return table[method]


def refuse_secrets_in(request: HttpRequest) -> None:
    """Addresses are written into logs everywhere: a token in one is refused, whatever it is called."""
    named = {name.lower() for name in request.GET} & _SECRET_NAMES
    if named or _TOKEN.search(request.get_full_path()):
        raise ApiProblem(
            400,
            "A token never stands in an address, because addresses are logged. Send it as "
            "Authorization: Bearer …, and revoke the one that you sent.",
            code="token_in_url",
        )


def caller(request: HttpRequest) -> Person:
    """Whose token it is, or who is signed in; 401 for nobody."""
    header = request.headers.get("Authorization", "")
    if header:
        scheme, _, raw = header.partition(" ")
        person = authenticate_token(raw.strip()) if scheme.lower() == "bearer" else None
        if person is None:
            raise _unknown("The token is wrong, expired or revoked.")
        authenticated(method="token")
        note_token_use(by=person)
        return person
    person = signed_in(request.user)
    if person is None:
        raise _unknown("Send a token: Authorization: Bearer …")
    _refuse_forgery(request)
    if request.method not in SAFE:
        require_factor(person)
    proved_by_session(request.session)
    return person


def _unknown(sentence: str) -> ApiProblem:
    return ApiProblem(401, sentence, code="unauthenticated", headers={"WWW-Authenticate": "Bearer"})


def _refuse_forgery(request: HttpRequest) -> None:
    if request.method in SAFE:
        return
    guard = CsrfViewMiddleware(lambda _request: HttpResponse())
    guard.process_request(request)
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    if guard.process_view(request, lambda _request: HttpResponse(), (), {}) is not None:
        raise ApiProblem(403, "The request lacks the anti-forgery token of this session.", code="csrf")


# A write that is sent twice happens once -----------------------------------------------------------------


def once(request: HttpRequest, by: Person, run: Handler) -> HttpResponseBase:
    """Run a write; under an Idempotency-Key a repetition gets the first answer and changes nothing."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return run()
    refuse_large(request)
    parts = (request.get_full_path().encode(), request.body)
    fingerprint = hashlib.sha256(b"\0".join(parts)).hexdigest()
    with transaction.atomic():
        held = begin_idempotent(by=by, key=key, fingerprint=fingerprint)
        if held.status is None:
            return _kept(by, key, run)
    headers = {**held.headers, "Idempotent-Replayed": "true"}
    return HttpResponse(bytes(held.body or b""), status=held.status, headers=headers)


def _kept(by: Person, key: str, run: Handler) -> HttpResponseBase:
    """The effect and the note of its answer stand or fall together; a refusal is kept, an error is not."""
    try:
        with transaction.atomic():
            response = run()
            _keep(by, key, response)
            return response
    except FORESEEN as error:
        response = problem(translated(error))
    if response.status_code >= 500 or response.status_code in PASSING:
        forget_idempotent(by=by, key=key)
    else:
        _keep(by, key, response)
    return response


def _keep(by: Person, key: str, response: HttpResponseBase) -> None:
    body = response.content if isinstance(response, HttpResponse) else b""
    told = {name: value for name, value in response.items() if name in KEPT_HEADERS}
    finish_idempotent(by=by, key=key, status=response.status_code, body=body, headers=told)


# Answers -------------------------------------------------------------------------------------------------


def answer(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """A JSON answer; NaN would be an error, never an answer."""
    return JsonResponse(
        body,
        safe=False,
        status=status,
        headers=dict(headers or {}),
        json_dumps_params={"ensure_ascii": False, "allow_nan": False},
    )


def lasting(request: HttpRequest, response: HttpResponse, *, digest: str) -> HttpResponse:
    """A fact never changes: its digest is its ETag, and whoever may see it may keep it."""
    tag = f'"{digest}"'
    offered = [
        part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")
    ]
    if tag in offered:
        response = HttpResponseNotModified()
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


def public_for(response: HttpResponse, *, seconds: int) -> HttpResponse:
    """An answer that is the same for everybody."""
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    return response


@csrf_exempt
@answers_problems
def not_found(request: HttpRequest) -> HttpResponse:
    """What an address that does not exist answers."""
    refuse_secrets_in(request)
    raise ApiProblem(404, "There is nothing at this address.", code="not_found")


def describe(view: Handler) -> Endpoint:
    """The endpoint behind a view."""
    found: Endpoint = view.endpoint  # type: ignore[attr-defined]
    return found
