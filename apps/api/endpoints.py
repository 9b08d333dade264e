"""The form of an endpoint: who asks, which methods, what body, said once and published as OpenAPI."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt

from apps.access.commands import begin_idempotent, finish_idempotent, forget_idempotent
from apps.access.models import Person
from apps.access.queries import authenticate_token
from apps.api.problems import ApiProblem, answered, answers_problems, problem

Handler = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one endpoint, as the published schema tells it."""

    method: str
    summary: str
    handler: Handler
    request: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[int, str] = field(default_factory=dict)


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
    answers: Mapping[int, str] | None = None,
) -> Callable[[Handler], Operation]:
    """Declare a function as one method of an endpoint; it is called with ``request`` and ``by``."""

    def declare(handler: Handler) -> Operation:
        told = answers or {200: "The answer."}
        return Operation(method=method, summary=summary, handler=handler, request=request or {}, answers=told)

    return declare


def endpoint(*operations: Operation, public: bool = False) -> Handler:
    """A view of these operations; an unknown method gets 405, an unknown caller 401."""
    table = {op.method: op for op in operations}

    @csrf_exempt
    @answers_problems
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        method = "GET" if request.method == "HEAD" and "HEAD" not in table else str(request.method)
        if method not in table:
            allowed = ", ".join(sorted(table))
            raise ApiProblem(
                405, f"This address answers {allowed}.", code="method", headers={"Allow": allowed}
            )
        by = None if public else caller(request)
        if method == "POST" and by is not None:
            return _once(request, by, lambda: table[method].handler(request, by=by, **kwargs))
        return table[method].handler(request, by=by, **kwargs)

    view.endpoint = Endpoint(table, public)  # type: ignore[attr-defined]
    return view


def caller(request: HttpRequest) -> Person:
    """Whose token it is, or who is signed in; 401 for nobody."""
    header = request.headers.get("Authorization", "")
    if header:
        scheme, _, raw = header.partition(" ")
        person = authenticate_token(raw.strip()) if scheme.lower() == "bearer" else None
        if person is None:
            raise _unknown("The token is wrong, expired or revoked.")
        return person
    if isinstance(request.user, Person) and request.user.is_active:
        _refuse_forgery(request)
        return request.user
    raise _unknown("Send a token: Authorization: Bearer …")


def _unknown(sentence: str) -> ApiProblem:
    return ApiProblem(401, sentence, code="unauthenticated", headers={"WWW-Authenticate": "Bearer"})


def _refuse_forgery(request: HttpRequest) -> None:
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    guard = CsrfViewMiddleware(lambda _request: HttpResponse())
    guard.process_request(request)
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    if guard.process_view(request, lambda _request: HttpResponse(), (), {}) is not None:
        raise ApiProblem(403, "The request lacks the anti-forgery token of this session.", code="csrf")


def _once(request: HttpRequest, by: Person, run: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return run()
    if len(key) > 200:
        raise ApiProblem(400, "An Idempotency-Key may take 200 characters.", code="malformed")
    parts = (request.get_full_path().encode(), request.body)
    fingerprint = hashlib.sha256(b"\0".join(parts)).hexdigest()
    held = begin_idempotent(by=by, key=key, fingerprint=fingerprint)
    if held.status is not None:
        return HttpResponse(bytes(held.body or b""), status=held.status, headers=held.headers)
    return _kept(by, key, run)


def _kept(by: Person, key: str, run: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    kept: HttpResponseBase | None = None
    try:
        kept = answered(run)
        return kept
    finally:
        if isinstance(kept, HttpResponse) and kept.status_code < 500:
            told = {k: v for k, v in kept.items() if k in ("Content-Type", "Location")}
            finish_idempotent(by=by, key=key, status=kept.status_code, body=kept.content, headers=told)
        else:
            forget_idempotent(by=by, key=key)


def answer(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """A JSON answer; NaN would be an error, never an answer."""
    return JsonResponse(
        body,
        safe=False,
        status=status,
        headers=dict(headers or {}),
        json_dumps_params={"ensure_ascii": False, "allow_nan": False},
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """What an address that does not exist answers."""
    return problem(ApiProblem(404, "There is nothing at this address.", code="not_found"))


def describe(view: Handler) -> Endpoint:
    """The endpoint behind a view."""
    found: Endpoint = view.endpoint  # type: ignore[attr-defined]
    return found
