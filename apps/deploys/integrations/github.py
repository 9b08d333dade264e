"""A custom deployment protection rule of GitHub: what it asks, and how it is told.

A GitHub App calls us; we answer as that App, for one repository, with no more rights than the answer needs.
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from typing import Any
from urllib.parse import urlsplit

import jwt

from apps.audit.errors import Invalid, NotFound
from apps.deploys.integrations import heard, proving
from apps.deploys.integrations.heard import Asked, Delivery, Heard
from apps.deploys.integrations.sending import NotTold, expected, found_json
from apps.deploys.integrations.telling import Told, Way

EVENT = "deployment_protection_rule"
COMMENT, REPORTS = 1024, 10
MANIFEST = "governance/model.yaml"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_CALLBACK = re.compile(r"/repos/([^/]+/[^/]+)/actions/runs/([0-9]{1,20})/deployment_protection_rule")
_VERSION = {"X-GitHub-Api-Version": "2022-11-28", "Accept": "application/vnd.github+json"}


def hear(given: Delivery) -> Heard:
    """A delivery of the App, once its signature over the raw body holds."""
    told = given.headers.get("X-Hub-Signature-256", "")
    if not told.startswith("sha256=") or not proving.signed_hex(given.secrets, given.raw, told[7:]):
        raise heard.unproved()
    delivery = heard.identity(given.headers.get("X-GitHub-Delivery", ""))
    event = given.headers.get("X-GitHub-Event", "")
    body = heard.document(given.raw)
    if event != EVENT or body.get("action") != "requested":
        return Heard(delivery=delivery, what=event[:80] or "unknown", outcome="nothing to do")
    asked = _asked(body, given.settings["api"])
    return Heard(delivery=delivery, what=EVENT, outcome=f"a question about {asked.place}", asked=asked)


def _asked(body: dict[str, Any], api: str) -> Asked:
    name, source = heard.text(body, "repository", "full_name"), heard.number(body, "repository", "id")
    installation = heard.number(body, "installation", "id")
    place, commit = heard.text(body, "environment"), heard.text(body, "deployment", "sha")
    heard.needed(**{"repository.id": source, "installation.id": installation, "environment": place})
    if not _NAME.fullmatch(name) or not heard.COMMIT.fullmatch(commit):
        raise Invalid("The delivery names no usable repository or commit.", field="repository")
    run = _run(heard.text(body, "deployment_callback_url", longest=500), api, name)
    where = {"repository": name, "installation": installation, "run": run}
    return Asked(
        source=source, place=place, commit=commit, ref=heard.text(body, "deployment", "ref"), where=where
    )


def _run(callback: str, api: str, name: str) -> str:
    """The number of the run. The rest of the callback must be what we would have written ourselves."""
    ours, theirs = urlsplit(api), urlsplit(callback)
    path = theirs.path.removeprefix(ours.path.rstrip("/"))
    found = _CALLBACK.fullmatch(path)
    same = (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc) and not theirs.query
    if not same or not found or found[1] != name:
        raise Invalid(
            "deployment_callback_url leads elsewhere than to the API of this integration.",
            field="deployment_callback_url",
        )
    return found[2]


def tell(way: Way, told: Told) -> None:
    """Approve or reject; while people still sign, say so."""
    url = (
        f"{way.settings['api']}/repos/{way.where['repository']}"
        f"/actions/runs/{way.where['run']}/deployment_protection_rule"
    )
    body = {"environment_name": way.place, "comment": told.words(COMMENT)}
    if told.outcome != "pending":
        body["state"] = "approved" if told.allowed else "rejected"
    answer = way.line.post(
        url, body, {**_VERSION, "Authorization": f"Bearer {_token(way, deployments=True)}"}
    )
    expected(answer, 204, 200, of="GitHub")


def manifest(way: Way) -> bytes:
    """`governance/model.yaml` as it stands at the commit."""
    url = f"{way.settings['api']}/repos/{way.where['repository']}/contents/{MANIFEST}?ref={way.commit}"
    headers = {**_VERSION, "Authorization": f"Bearer {_token(way, deployments=False)}"}
    answer = way.line.get(url, headers)
    if answer.status == 404:
        raise NotFound(f"There is no {MANIFEST} at the commit {way.commit[:12]}.")
    found = found_json(expected(answer, 200, of="GitHub"), of="GitHub")
    if heard.text(found, "encoding") != "base64":
        raise NotTold(f"GitHub did not give {MANIFEST} at {way.commit[:12]} as a file.")
    try:
        return base64.b64decode("".join(str(found.get("content", "")).split()), validate=True)
    except (binascii.Error, ValueError):
        raise NotTold(f"{MANIFEST} came from GitHub in a form that cannot be read.") from None


def _token(way: Way, *, deployments: bool) -> str:
    """A token of the installation, for this repository alone."""
    url = f"{way.settings['api']}/app/installations/{way.where['installation']}/access_tokens"
    rights = {"deployments": "write"} if deployments else {"contents": "read"}
    body = {"repository_ids": [int(way.source)], "permissions": rights}
    answer = way.line.post(url, body, {**_VERSION, "Authorization": f"Bearer {app_token(way)}"})
    found = heard.text(found_json(expected(answer, 201, of="GitHub"), of="GitHub"), "token", longest=1000)
    if not found or not found.isascii() or not found.isprintable():
        raise NotTold("GitHub gave no token of the installation.")
    return found


def app_token(way: Way) -> str:
    """Who we are, for nine minutes; a minute old, because clocks differ."""
    key = way.secret("private_key")
    if not key:
        raise NotTold("The private key of the App was not given.")
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 480, "iss": way.settings["app_id"]}
    return jwt.encode(claims, key, algorithm="RS256")


def missed(way: Way, *, known: set[str]) -> int:
    """Ask GitHub to deliver again what failed and never came; how many it was asked for."""
    headers = {**_VERSION, "Authorization": f"Bearer {app_token(way)}"}
    base = f"{way.settings['api']}/app/hook/deliveries"
    rows = found_json(expected(way.line.get(f"{base}?per_page=100", headers), 200, of="GitHub"), of="GitHub")
    lost = _lost(rows if isinstance(rows, list) else [], known)
    for number in lost:
        expected(way.line.post(f"{base}/{number}/attempts", {}, headers), 202, of="GitHub")
    return len(lost)


def _lost(rows: list[Any], known: set[str]) -> list[str]:
    """The newest delivery of each id that nobody took in."""
    found: dict[str, str] = {}
    arrived = {heard.text(r, "guid") for r in rows if str(heard.at(r, "status_code")).startswith("2")}
    for row in rows:
        guid, number = heard.text(row, "guid"), heard.number(row, "id")
        if heard.text(row, "event") == EVENT and guid and number and guid not in known | arrived:
            found.setdefault(guid, number)
    return list(found.values())
