"""Errors as RFC 9457 problem documents: one clear sentence, the field, no traceback."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError

from apps.access.throttle import Throttled
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.engine.errors import Problem

_log = logging.getLogger("countersign.api")
_BASE = "https://countersign.dev/problems/"
TITLES: Mapping[int, str] = {
    400: "The request cannot be read",
    401: "Who is asking?",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    411: "Length required",
    408: "Too slow",
    409: "Not possible now",
    413: "Too large",
    415: "Unsupported media type",
    422: "A value cannot be used",
    429: "Too many requests",
    503: "Not available at this moment",
    507: "No space left",
}


class ApiProblem(Exception):
    """An error with its HTTP status."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "",
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code or str(status)
        self.field = field
        self.headers = dict(headers or {})


def problem(error: ApiProblem) -> HttpResponse:
    """The problem document of an error."""
    body: dict[str, Any] = {
        "type": f"{_BASE}{error.code}",
        "title": TITLES.get(error.status, "Error"),
        "status": error.status,
        "detail": str(error),
    }
    if error.field:
        body["field"] = error.field
    told = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    response = HttpResponse(told, status=error.status, content_type="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    for name, value in error.headers.items():
        response.headers[name] = value
    return response


CODES: Mapping[str, int] = {
    "too_large": 413,
    "no_space": 507,
    "over_quota": 507,
    "too_slow": 408,
    "cut_short": 400,
    "read_only": 503,
    "store_unreachable": 503,
    "throttled": 429,
    "reauthenticate": 403,
    "key_reused": 422,
    "log_stopped": 503,
}


def _status_of(error: Refused) -> int:
    if error.code in CODES:
        return CODES[error.code]
    kinds: tuple[tuple[type[Refused], int], ...] = ((Forbidden, 403), (NotFound, 404), (Invalid, 422))
    return next((status for kind, status in kinds if isinstance(error, kind)), 409)


def _headers_of(error: Refused) -> dict[str, str]:
    if isinstance(error, Throttled):
        return {"Retry-After": str(error.seconds)}
    return {"Retry-After": "1"} if error.code == "in_flight" else {}


def translated(error: Exception) -> ApiProblem:
    """Any refusal of the layers below as an API problem."""
    if isinstance(error, ApiProblem):
        return error
    if isinstance(error, Refused):
        return ApiProblem(
            _status_of(error), str(error), code=error.code, field=error.field, headers=_headers_of(error)
        )
    if isinstance(error, OperationalError):
        return _unavailable(error)
    return _plain(error)


def _plain(error: Exception) -> ApiProblem:
    """What Django and the engine say of a request that cannot be used."""
    if isinstance(error, Problem):
        return ApiProblem(422, str(error), code="invalid")
    if isinstance(error, RequestDataTooBig):
        return ApiProblem(413, "The body is larger than this address takes.", code="too_large")
    if isinstance(error, UnreadablePostError):
        return ApiProblem(400, "The body ended before it was complete.", code="malformed")
    return ApiProblem(404, "There is nothing at this address.", code="not_found")


def _unavailable(error: OperationalError) -> ApiProblem:
    _log.error("the database did not answer", exc_info=error)
    sentence = "The database did not answer; try again in a few seconds."
    return ApiProblem(503, sentence, code="unavailable", headers={"Retry-After": "5"})


View = Callable[..., HttpResponseBase]
FORESEEN = (
    ApiProblem,
    Refused,
    Problem,
    Http404,
    OperationalError,
    RequestDataTooBig,
    UnreadablePostError,
)


def answered(call: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """The answer, or the problem document; anything unforeseen stays a 500 and is logged."""
    try:
        return call()
    except FORESEEN as error:
        return problem(translated(error))


def answers_problems(view: View) -> View:
    """A view whose refusals are problem documents."""

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return answered(lambda: view(request, *args, **kwargs))

    return handle
