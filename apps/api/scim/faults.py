"""Refusals in the form of RFC 7644, section 3.12."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse

from apps.api.problems import ApiProblem
from apps.api.scim.schemas import ERROR

TYPE = "application/scim+json"


class ScimFault(ApiProblem):
    """A refusal with its `scimType`."""

    def __init__(self, status: int, detail: str, kind: str = "") -> None:
        super().__init__(status, detail)
        self.kind = kind


def invalid(sentence: str) -> ScimFault:
    """A value that cannot be used."""
    return ScimFault(400, sentence, "invalidValue")


def told(error: ApiProblem) -> HttpResponse:
    """A refusal as directories read it."""
    body: dict[str, Any] = {"schemas": [ERROR], "status": str(error.status), "detail": str(error)}
    kind = error.kind if isinstance(error, ScimFault) else _kind(error)
    if kind:
        body["scimType"] = kind
    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    response = HttpResponse(raw, status=_status(error), content_type=TYPE)
    response.headers["Cache-Control"] = "no-store"
    for name, value in error.headers.items():
        response.headers[name] = value
    body["status"] = str(response.status_code)
    response.content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return response


def _status(error: ApiProblem) -> int:
    """A value that is refused is a bad request here, and a stale version has a status of its own."""
    return {"stale": 412}.get(error.code, 400 if error.status == 422 else error.status)


def _kind(error: ApiProblem) -> str:
    if error.code == "uniqueness":
        return "uniqueness"
    if error.status == 422:
        return "invalidValue"
    return "invalidSyntax" if error.code == "malformed" else ""
