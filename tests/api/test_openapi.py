"""The published schema is OpenAPI 3.1 and says what the endpoints do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from apps.api.endpoints import describe
from apps.api.openapi import document

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}


def operations() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    paths: dict[str, dict[str, Any]] = document()["paths"]
    return [(p, m, item[m], item) for p, item in paths.items() for m in item.keys() & METHODS]


def test_the_document_is_served_to_everybody() -> None:
    answer = Client().get("/api/v1/schema")

    assert answer.status_code == 200
    assert answer.json() == document()
    assert document()["openapi"] == "3.1.0"


def test_every_endpoint_stands_in_it_with_its_methods() -> None:
    routes = [p for p in get_resolver("apps.api.urls").url_patterns if hasattr(p.callback, "endpoint")]
    expected = {method.lower() for route in routes for method in describe(route.callback).operations}

    assert len(document()["paths"]) == len(routes) > 25
    assert {method for _, method, _, _ in operations()} == expected


def test_path_parameters_are_declared_once_each() -> None:
    for path, item in document()["paths"].items():
        declared = [p["name"] for p in item.get("parameters", ())]
        assert declared == re.findall(r"\{(\w+)\}", path)
        assert all(p["in"] == "path" and p["required"] for p in item.get("parameters", ()))


def test_operations_have_unique_names_summaries_and_answers() -> None:
    names = [op["operationId"] for _, _, op, _ in operations()]

    assert len(names) == len(set(names))
    for _, _, op, item in operations():
        assert op["summary"].endswith(".")
        assert all(re.fullmatch(r"[1-5](\d\d|XX)", status) for status in op["responses"])
        assert set(item) <= METHODS | {"parameters"}


def test_bodies_name_their_fields_with_json_types() -> None:
    for path, method, op, _ in operations():
        if method != "post":
            continue
        for media in op.get("requestBody", {"content": {}})["content"].values():
            schema = media["schema"]
            # OpenLineage's events may hold more than is read of them.
            assert schema["additionalProperties"] is path.endswith("/lineage"), path
            assert {p["type"] for p in schema["properties"].values()} <= TYPES
            assert set(schema["required"]) <= set(schema["properties"])


def test_references_lead_somewhere() -> None:
    whole = document()

    def refs(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [r for value in node.values() for r in refs(value)]
        return [r for value in node for r in refs(value)] if isinstance(node, list) else []

    for ref in set(refs(whole)):
        found = whole
        for part in ref.removeprefix("#/").split("/"):
            found = found[part]


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("path", ["schema", "health", "keys", "checkpoints/latest"])
def test_public_addresses_need_no_token(path: str) -> None:
    assert Client().get(f"/api/v1/{path}").status_code in (200, 401, 404)
