"""A Jenkins pipeline that waits at a hook of its own (plugin webhook-step), holding no executor."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from apps.audit.errors import Invalid
from apps.deploys.integrations import heard, proving
from apps.deploys.integrations.heard import Asked, Delivery, Heard
from apps.deploys.integrations.sending import Line, expected
from apps.deploys.integrations.telling import Told, Way

_PATH = re.compile(r"(/[A-Za-z0-9._-]{1,80}){0,4}/webhook-step/[A-Za-z0-9-]{8,80}")


def hear(given: Delivery) -> Heard:
    """A call of a pipeline, once it carries the secret."""
    scheme, _, told = given.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not proving.same(given.secrets, told.strip()):
        raise heard.unproved()
    body = heard.document(given.raw)
    job, place = heard.text(body, "job"), heard.text(body, "environment")
    heard.needed(job=job, environment=place)
    where = {name: found for name in ("version", "digest") if (found := heard.text(body, name))}
    commit = heard.text(body, "commit")
    asked = Asked(
        source=job,
        place=place,
        commit=commit if heard.COMMIT.fullmatch(commit) else "",
        ref=heard.text(body, "ref"),
        where={**where, "hook": _hook(heard.text(body, "hook", longest=500), given)},
        token=_token(heard.text(body, "hook_token", longest=500)),
    )
    delivery = heard.identity(heard.text(body, "id"))
    return Heard(delivery=delivery, what="pipeline", outcome=f"a question about {place}", asked=asked)


def _hook(url: str, given: Delivery) -> str:
    Line(given.hosts).allowed(url)
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username or not _PATH.fullmatch(parts.path):
        raise Invalid("“hook” is no address of a webhook step.", field="hook")
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _token(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise Invalid("“hook_token” holds signs that no header may have.", field="hook_token")
    return text


def tell(way: Way, told: Told) -> None:
    """Send the answer to the hook, which lets the pipeline go on; while people still sign it waits."""
    if told.outcome == "pending":
        return
    headers = {"Authorization": way.token} if way.token else {}
    body = {"allowed": told.allowed, "outcome": told.outcome, "reasons": list(told.reasons), "url": told.url}
    expected(way.line.post(way.where["hook"], body, headers), 200, 202, 204, of="Jenkins")
