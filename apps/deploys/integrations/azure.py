"""The "Invoke REST API" check of Azure DevOps, answered by a callback."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from apps.audit.errors import Invalid
from apps.deploys.integrations import heard, proving
from apps.deploys.integrations.heard import Asked, Delivery, Heard
from apps.deploys.integrations.sending import Line, expected
from apps.deploys.integrations.telling import Told, Way

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HUB = re.compile(r"[A-Za-z0-9]{1,40}")
_PATH = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._ -]{0,80}){0,3}/?")
_IDS = ("ProjectId", "PlanId", "JobId", "TimelineId", "TaskInstanceId")
_LONGEST_TOKEN = 8192


def hear(given: Delivery) -> Heard:
    """A call of the check, once it carries the secret of its service connection."""
    if not proving.same(given.secrets, proving.carried(given.headers.get("Authorization", ""))):
        raise heard.unproved()
    ids = {name: given.headers.get(name, "") for name in _IDS}
    for name, value in ids.items():
        if not _GUID.fullmatch(value):
            raise Invalid(f"The header {name} is no GUID.", field=name)
    asked = _asked(given, ids)
    delivery = f"{ids['PlanId']}/{ids['JobId']}/{ids['TaskInstanceId']}"
    return Heard(delivery=delivery, what="check", outcome=f"a question about {asked.place}", asked=asked)


def _asked(given: Delivery, ids: dict[str, str]) -> Asked:
    hub, token = given.headers.get("HubName", ""), given.headers.get("AuthToken", "")
    if not _HUB.fullmatch(hub):
        raise Invalid("The header HubName is no name.", field="HubName")
    if not token or len(token) > _LONGEST_TOKEN or not (token.isascii() and token.isprintable()):
        raise Invalid("The header AuthToken is missing or cannot be used.", field="AuthToken")
    body = heard.document(given.raw)
    place = heard.text(body, "environment")
    heard.needed(environment=place)
    where = {**ids, "HubName": hub, "plan": _plan(given), **_named(body)}
    return Asked(
        source=ids["ProjectId"].lower(),
        place=place,
        commit=_commit(heard.text(body, "commit")),
        ref=heard.text(body, "ref"),
        where=where,
        token=token,
    )


def _named(body: dict[str, object]) -> dict[str, str]:
    """The version and digest that the pipeline itself names."""
    return {name: found for name in ("version", "digest") if (found := heard.text(body, name))}


def _commit(text: str) -> str:
    return text if heard.COMMIT.fullmatch(text) else ""


def _plan(given: Delivery) -> str:
    """The organisation's address. Its host must be one of ours: a live credential is sent there."""
    told = given.headers.get("PlanUrl", "")
    Line(given.hosts).allowed(told)
    parts = urlsplit(told)
    if parts.query or parts.fragment or parts.username or not _PATH.fullmatch(parts.path):
        raise Invalid("The header PlanUrl is no plain address of an organisation.", field="PlanUrl")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def tell(way: Way, told: Told) -> None:
    """Complete the check; while people still sign it simply waits."""
    if told.outcome == "pending":
        return
    ids = way.where
    url = (
        f"{ids['plan']}/{ids['ProjectId']}/_apis/distributedtask/hubs/{ids['HubName']}"
        f"/plans/{ids['PlanId']}/events?api-version=7.1-preview.1"
    )
    body = {
        "name": "TaskCompleted",
        "taskId": ids["TaskInstanceId"],
        "jobId": ids["JobId"],
        "result": "succeeded" if told.allowed else "failed",
    }
    answer = way.line.post(url, body, {"Authorization": f"Bearer {way.token}"})
    expected(answer, 200, 204, of="Azure DevOps")
