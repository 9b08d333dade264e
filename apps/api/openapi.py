"""The published schema: OpenAPI 3.1, made from the endpoints themselves."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver

from apps.access.models import Person
from apps.api.endpoints import Operation, answer, describe, endpoint, operation

_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
_TYPES = {"uuid": {"type": "string", "format": "uuid"}}
_KINDS: dict[str, dict[str, str]] = {
    "date": {"type": "string", "format": "date"},
    "date-time": {"type": "string", "format": "date-time"},
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
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _routes() -> list[tuple[str, Any]]:
    patterns = get_resolver("apps.api.urls").url_patterns
    return [(str(p.pattern), p.callback) for p in patterns if hasattr(p.callback, "endpoint")]


def _path(route: str) -> str:
    return "/" + _PARAMETER.sub(r"{\2}", route)


def _item(route: str, view: Any) -> dict[str, Any]:
    described = describe(view)
    item: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": _TYPES.get(kind, {"type": "string"})}
            for kind, name in _PARAMETER.findall(route)
        ]
    }
    for op in described.operations.values():
        item[op.method.lower()] = _operation(op, public=described.public)
    return item


def _operation(op: Operation, *, public: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "summary": op.summary,
        "responses": {str(status): {"description": text} for status, text in op.answers.items()},
    }
    told["responses"]["default"] = {
        "description": "A problem document.",
        "content": {"application/problem+json": {"schema": {"type": "object"}}},
    }
    if op.request:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": _schema(op)}}}
    if not public:
        told["security"] = [{"token": []}]
    return told


def _schema(op: Operation) -> dict[str, Any]:
    properties = {name: _kind(kind) for name, kind in op.request.items()}
    required = [name for name, kind in op.request.items() if not kind.endswith("?")]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _kind(text: str) -> dict[str, str]:
    word = text.rstrip("?").split(" ")[0]
    return _KINDS.get(word, {"type": word})


@operation("GET", "This document.", answers={200: "OpenAPI 3.1."})
def show(request: HttpRequest, *, by: Person | None) -> HttpResponse:
    return answer(document())


@operation("GET", "Whether the service answers.", answers={200: "It does."})
def show_health(request: HttpRequest, *, by: Person | None) -> HttpResponse:
    return answer({"status": "ok"})


schema = endpoint(show, public=True)
health = endpoint(show_health, public=True)
