"""What MLflow is asked over its REST API, and how its answers are read."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from apps.deploys.integrations import heard
from apps.deploys.integrations.sending import NotTold, expected, found_json
from apps.deploys.integrations.telling import Way

PAGES = 50


def pages(way: Way, path: str, asked: Mapping[str, str], of: str) -> Iterator[dict[str, Any]]:
    after: dict[str, str] = {}
    for _ in range(PAGES):
        told = get(way, path, {**asked, "max_results": "100", **after})
        rows = told.get(of)
        yield from (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
        token = heard.text(told, "next_page_token", longest=2000)
        if not token:
            return
        after = {"page_token": token}
    raise NotTold(f"MLflow lists more than {PAGES} pages; name the models more closely.")


def get(way: Way, path: str, asked: Mapping[str, str]) -> dict[str, Any]:
    answer = expected(way.line.get(url_of(way, path, asked), proof(way)), 200, of="MLflow")
    return plain(found_json(answer, of="MLflow"))


def post(way: Way, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = expected(way.line.post(url_of(way, path, {}), body, proof(way)), 200, of="MLflow")
    return plain(found_json(answer, of="MLflow"))


def plain(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise NotTold("MLflow answered something that is no JSON object.")
    return found


def url_of(way: Way, path: str, asked: Mapping[str, str]) -> str:
    query = f"?{urlencode(asked)}" if asked else ""
    return f"{way.settings['base']}/api/2.0/mlflow/{path}{query}"


def proof(way: Way) -> dict[str, str]:
    """Bearer, or basic where a user is named; nothing where the server asks for nothing."""
    token, user = way.secret("token"), way.settings.get("user", "")
    if user:
        pair = base64.b64encode(f"{user}:{token}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


def pairs(rows: Any) -> dict[str, str]:
    found = (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
    return {key: heard.text(row, "value", longest=1000) for row in found if (key := heard.text(row, "key"))}
