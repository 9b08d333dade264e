"""The published schema: OpenAPI 3.1, made from the endpoints themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver

from apps.api.endpoints import Operation, answer, describe, endpoint, operation, public_for
from apps.api.past import PARAMETER, has_past

if TYPE_CHECKING:
    from apps.access.models import Person

_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
_TYPES = {"uuid": {"type": "string", "format": "uuid"}}
_KINDS: dict[str, dict[str, str]] = {
    "date": {"type": "string", "format": "date"},
    "date-time": {"type": "string", "format": "date-time"},
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
    },
}
# A refusal of any operation: of the request, or because the service cannot answer at this moment.
_REFUSALS = ("4XX", "503", "507")
_JSON = {"type": ["object", "array"]}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request under the same key is done once; its first answer is given again.",
    "schema": {"type": "string", "maxLength": 200},
}


def document() -> dict[str, Any]:
    """Every path with its methods, bodies and answers."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Countersign",
            "version": "1",
            "summary": "Model governance: may this model run, and why?",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "paths": {_path(route): _item(route, view) for route, view in _routes()},
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "responses": {
                "Problem": {
                    "description": "Why not, in one sentence (RFC 9457).",
                    "content": {
                        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                    },
                }
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _routes() -> list[tuple[str, Any]]:
    patterns = get_resolver("apps.api.urls").url_patterns
    return [(str(p.pattern), p.callback) for p in patterns if hasattr(p.callback, "endpoint")]


def _path(route: str) -> str:
    return "/" + _PARAMETER.sub(r"{\2}", route)


def _item(route: str, view: Any) -> dict[str, Any]:
    described = describe(view)
    item: dict[str, Any] = {}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _TYPES.get(kind, {"type": "string"})}
        for kind, name in _PARAMETER.findall(route)
    ]
    if parameters:
        item["parameters"] = parameters
    for op in described.operations.values():
        item[op.method.lower()] = _operation(op, public=described.public, past=has_past(route))
    return item


def _operation(op: Operation, *, public: bool, past: bool) -> dict[str, Any]:
    responses = {str(status): _answer(op, status, text) for status, text in op.answers.items()}
    told: dict[str, Any] = {
        "operationId": op.handler.__name__,
        "summary": op.summary,
        "responses": {status: {"$ref": "#/components/responses/Problem"} for status in _REFUSALS} | responses,
        "security": [] if public else [{"token": []}],
    }
    parameters = [_query(name, text) for name, text in op.query.items()]
    if past and op.method == "GET":
        parameters.append(_query(*PARAMETER))
    if op.method == "POST":
        parameters.append(_KEY)
    if parameters:
        told["parameters"] = parameters
    if op.request or op.method == "PUT":
        told["requestBody"] = {"required": True, "content": {op.media: {"schema": _schema(op)}}}
    return told


def _answer(op: Operation, status: int, text: str) -> dict[str, Any]:
    """An answer; where the status itself is the answer, a refusal may be no problem document."""
    if op.method == "HEAD" or status == 204:
        return {"description": text}
    content: dict[str, Any] = {media: {} for media in op.produces}
    if "application/json" in content:
        content["application/json"] = {"schema": _JSON}
    if status >= 400:
        content["application/problem+json"] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {"description": text, "content": content}


def _query(name: str, text: str) -> dict[str, Any]:
    kind, _, words = text.partition(", ")
    found: dict[str, Any] = {"name": name, "in": "query", "required": False, "schema": _kind(kind)}
    return {**found, "description": words} if words else found


def _schema(op: Operation) -> dict[str, Any]:
    if not op.request:
        return {}
    properties = {name: _kind(kind) for name, kind in op.request.items()}
    required = [name for name, kind in op.request.items() if not kind.endswith("?")]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": op.additions,
    }


def _kind(text: str) -> dict[str, str]:
    word, _, words = text.rstrip("?").partition(" ")
    found = _KINDS.get(word, {"type": word})
    return {**found, "description": words.strip("()")} if words else found


@operation("GET", "This document.", answers={200: "OpenAPI 3.1."})
def show_schema(request: HttpRequest, *, by: Person | None) -> HttpResponse:
    return public_for(answer(document()), seconds=300)


@operation("GET", "Whether the service answers.", answers={200: "It does."})
def show_health(request: HttpRequest, *, by: Person | None) -> HttpResponse:
    return answer({"status": "ok"})


schema = endpoint(show_schema, public=True)
health = endpoint(show_health, public=True)
