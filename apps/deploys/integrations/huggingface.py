"""Repositories of models on the Hugging Face Hub: a new commit on main is a draft of a version.

What a webhook tells is only a hint to read the repository again. The Hub tells the SHA-256 of every large
file, so a version is known by its bytes without fetching them. Nothing is written there: the Hub has no
approvals.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from apps.deploys.integrations import heard, proving
from apps.deploys.integrations.heard import Delivery, Heard
from apps.deploys.integrations.registries import Found, Registry, Writing, bounded, plain_digest
from apps.deploys.integrations.sending import NotTold, expected, found_json
from apps.deploys.integrations.telling import Way

SUFFIXES = (".onnx", ".skops", ".safetensors", ".ubj", ".pmml")
COMMITS = 5  # of each repository, the newest
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")


def hear(given: Delivery) -> Heard:
    """A delivery of a webhook, once it carries the secret."""
    if not proving.same(given.secrets, given.headers.get("X-Webhook-Secret", "")):
        raise heard.unproved()
    body = heard.document(given.raw)
    action, scope = heard.text(body, "event", "action"), heard.text(body, "event", "scope")
    kind, repo = heard.text(body, "repo", "type"), heard.text(body, "repo", "name")
    heard.needed(**{"event.action": action, "event.scope": scope, "repo.type": kind, "repo.name": repo})
    # The Hub sends no id of a delivery; the same body says the same again.
    delivery = f"body-{hashlib.sha256(given.raw).hexdigest()}"
    what = f"{scope}.{action}"[:80]
    if kind != "model" or not _REPO.fullmatch(repo) or not _speaks_of_main(body, scope):
        return Heard(delivery=delivery, what=what, outcome="nothing to do")
    commit = heard.text(body, "repo", "headSha")
    outcome = f"{repo}: {commit[:12] or 'the newest commit'} becomes a draft"
    return Heard(delivery=delivery, what=what, outcome=outcome, look=True)


def _speaks_of_main(body: Mapping[str, Any], scope: str) -> bool:
    """Whether the content of main may have changed; an unknown scope counts as what it is part of."""
    if scope == "repo":
        return True
    if scope != "repo.content" and not scope.startswith("repo.content."):
        return False
    refs = body.get("updatedRefs")
    if not isinstance(refs, list):
        return True
    return any(heard.text(row, "ref") in ("refs/heads/main", "main") for row in refs)


def read(way: Way) -> Iterator[Found]:
    """The newest commits on main of each repository that is named."""
    for repo in way.settings["repos"].split():
        if not _REPO.fullmatch(repo):
            raise NotTold(f"“{repo[:80]}” is no name of a repository.")
        listed = _get(way, f"{repo}/commits/main?limit={COMMITS}")
        for row in listed[:COMMITS] if isinstance(listed, list) else ():
            commit = heard.text(row, "id")
            if heard.COMMIT.fullmatch(commit):
                yield _found(way, repo, commit, row)


def _found(way: Way, repo: str, commit: str, row: Mapping[str, Any]) -> Found:
    told = _get(way, f"{repo}/revision/{quote(commit)}?blobs=true")
    files = heard.at(told, "siblings")
    listed = [one for one in files if isinstance(one, dict)] if isinstance(files, list) else []
    chosen = _chosen(listed, way.settings.get("file", ""))
    said = {
        "title": heard.text(row, "title"),
        "date": heard.text(row, "date"),
        "commit": commit,
        "file": heard.text(chosen, "rfilename", longest=400) if chosen else "",
        "licence": heard.text(told, "cardData", "license"),
        "library": heard.text(told, "library_name"),
    }
    return Found(
        name=repo,
        number=commit,
        status="",
        digest=plain_digest(heard.at(chosen, "lfs", "sha256")),
        said=bounded({name: value for name, value in said.items() if value}),
    )


def _chosen(files: list[dict[str, Any]], wanted: str) -> dict[str, Any] | None:
    """The file that the settings name, or the only one of a form that is data and no code."""
    names = {heard.text(one, "rfilename", longest=400): one for one in files}
    fits = [name for name in names if name and (name == wanted if wanted else name.endswith(SUFFIXES))]
    return names[fits[0]] if len(fits) == 1 else None


def write(way: Way, writing: Writing) -> None:
    """Nothing is written there."""
    raise NotTold("The Hub has no approvals, so none is written.", later=False)


def tried(way: Way) -> str:
    """Whether every repository can be read."""
    for repo in way.settings["repos"].split():
        _get(way, f"{repo}/revision/main")
    return "The Hub shows every repository that is named."


def _get(way: Way, path: str) -> Any:
    token = way.secret("token")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = way.line.get(f"{way.settings['base']}/api/models/{path}", headers)
    return found_json(expected(answer, 200, of="The Hub"), of="The Hub")


REGISTRY = Registry(read=read, write=write, marks={})
