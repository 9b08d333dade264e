"""Models of Unity Catalog in Databricks: versions are read, and the tag that a deployment job awaits is set.

The approval task of a deployment job goes on where the version has a tag named like the task with the value
``approved``. The tag is set with an allow and taken away with anything else. What the webhook of a job tells
is only a hint to read the catalogue again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from apps.deploys.integrations import heard, proving
from apps.deploys.integrations.heard import Delivery, Heard
from apps.deploys.integrations.registries import Found, Mark, Registry, Writing, bounded, plain_digest
from apps.deploys.integrations.sending import NotTold, expected, found_json
from apps.deploys.integrations.telling import Way

DIGEST = "countersign_digest"
APPROVED = "approved"
MARKS = {Mark.APPROVED: APPROVED, Mark.PENDING: "", Mark.REJECTED: ""}
_UC = "/api/2.0/mlflow/unity-catalog"
_PAGES = 50
_KEPT = (
    "description",
    "status",
    "source",
    "run_id",
    "user_id",
    "creation_timestamp",
    "last_updated_timestamp",
)


def hear(given: Delivery) -> Heard:
    """A notification of a job, once it carries the password of its destination."""
    if not proving.same(given.secrets, proving.carried(given.headers.get("Authorization", ""))):
        raise heard.unproved()
    body = heard.document(given.raw)
    event, run = heard.text(body, "event_type"), heard.number(body, "run", "run_id")
    heard.needed(**{"event_type": event, "run.run_id": run})
    workspace = heard.text(body, "workspace_id") or heard.number(body, "workspace_id")
    delivery = heard.identity(f"{workspace}/{event}/{run}"[:200])
    return Heard(delivery=delivery, what=event[:80], outcome="the catalogue is read again", look=True)


def read(way: Way) -> Iterator[Found]:
    """Every version of every registered model of the schemas that are named."""
    schemas = tuple(f"{schema}." for schema in way.settings["schemas"].split())
    for model in _pages(way, "registered-models/search", {}, "registered_models"):
        name = heard.text(model, "name")
        if not name.startswith(schemas) or "'" in name or "\\" in name:
            continue
        for row in _pages(way, "model-versions/search", {"filter": f"name='{name}'"}, "model_versions"):
            if number := _number(row):
                yield _one(way, name, number)


def _one(way: Way, name: str, number: str) -> Found:
    """One version. The search leaves tags out, so each is fetched."""
    told = _get(way, "model-versions/get", {"name": name, "version": number}).get("model_version")
    version = told if isinstance(told, dict) else {}
    tags = _tags(version)
    return Found(
        name=name,
        number=number,
        status=tags.get(way.settings["task"], "").lower(),
        digest=plain_digest(tags.get(DIGEST)),
        said=bounded({**{key: version[key] for key in _KEPT if key in version}, "tags": tags}),
    )


def _number(row: Mapping[str, Any]) -> str:
    told = row.get("version")
    return told if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < 10 else ""


def _tags(version: Mapping[str, Any]) -> dict[str, str]:
    rows = version.get("tags")
    found = (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
    return {key: heard.text(row, "value", longest=1000) for row in found if (key := heard.text(row, "key"))}


def write(way: Way, writing: Writing) -> None:
    """Set the tag, or take it away."""
    body = {"name": writing.name, "version": writing.number, "key": way.settings["task"]}
    if writing.status:
        _send(way, "POST", "model-versions/set-tag", {**body, "value": writing.status})
    else:
        _send(way, "DELETE", "model-versions/delete-tag", body, 404)


def tried(way: Way) -> str:
    """Whether the token is taken."""
    _get(way, "registered-models/search", {"max_results": "1"})
    return "Databricks takes this token and lists the models of Unity Catalog."


def _pages(way: Way, path: str, asked: Mapping[str, str], of: str) -> Iterator[dict[str, Any]]:
    after: dict[str, str] = {}
    for _ in range(_PAGES):
        told = _get(way, path, {**asked, "max_results": "100", **after})
        rows = told.get(of)
        yield from (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
        token = told.get("next_page_token")
        if not token or not isinstance(token, str):
            return
        after = {"page_token": token}
    raise NotTold(f"Databricks lists more than {_PAGES} pages; name the schemas more closely.")


def _get(way: Way, path: str, asked: Mapping[str, str]) -> dict[str, Any]:
    url = f"{way.settings['workspace']}{_UC}/{path}?{urlencode(asked)}"
    found = found_json(expected(way.line.get(url, _bearer(way)), 200, of="Databricks"), of="Databricks")
    if not isinstance(found, dict):
        raise NotTold("Databricks answered something that is no JSON object.")
    return found


def _send(way: Way, method: str, path: str, body: Mapping[str, Any], *also: int) -> None:
    url, raw = f"{way.settings['workspace']}{_UC}/{path}", json.dumps(body, allow_nan=False).encode()
    expected(way.line.send(method, url, raw, _bearer(way)), 200, *also, of="Databricks")


def _bearer(way: Way) -> dict[str, str]:
    token = way.secret("token")
    if not token:
        raise NotTold("The access token was not given.")
    return {"Authorization": f"Bearer {token}"}


REGISTRY = Registry(read=read, write=write, marks=MARKS)
