"""GitLab: external status checks of merge requests, and approvals of blocked deployments."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from apps.audit.errors import Invalid, NotFound
from apps.deploys.integrations import heard, proving
from apps.deploys.integrations.heard import Asked, Delivery, Heard
from apps.deploys.integrations.sending import expected, found_json
from apps.deploys.integrations.telling import Told, Way

MANIFEST = "governance/model.yaml"
COMMENT = 1000
_BLOCKED = {"status": "blocked", "order_by": "id", "sort": "desc", "per_page": "100"}
_CHECK = {"allow": "passed", "deny": "failed", "pending": "pending"}


def hear(given: Delivery) -> Heard:
    """A delivery of a hook or of a status check, once it is proved."""
    if not _proved(given):
        raise heard.unproved()
    body = heard.document(given.raw)
    kind = heard.text(body, "object_kind")
    if kind == "merge_request" and heard.at(body, "external_approval_rule"):
        asked = _check(body)
        return Heard(
            delivery=_identity(given), what="status check", outcome="a question", asked=asked, again=True
        )
    if kind == "deployment" and heard.text(body, "status") == "blocked":
        return Heard(
            delivery=_identity(given), what="deployment", outcome="a question", asked=_deployment(body)
        )
    return Heard(delivery=_identity(given), what=kind[:80] or "unknown", outcome="nothing to do")


def _proved(given: Delivery) -> bool:
    headers = given.headers
    if given.settings["signed"] == "token":
        return proving.same(given.secrets, headers.get("X-Gitlab-Token", ""))
    if "webhook-signature" in headers:
        return proving.signed_standard(
            given.secrets,
            given.raw,
            delivery=headers.get("webhook-id", ""),
            at=headers.get("webhook-timestamp", ""),
            told=headers.get("webhook-signature", ""),
            now=given.now,
        )
    return proving.signed_hex(given.secrets, given.raw, headers.get("X-Gitlab-Signature", ""))


def _identity(given: Delivery) -> str:
    """The id of the delivery; a status check has none, and the same body asks the same again."""
    for name in ("webhook-id", "Idempotency-Key", "X-Gitlab-Event-UUID"):
        if told := given.headers.get(name, ""):
            return heard.identity(told)
    return f"body-{hashlib.sha256(given.raw).hexdigest()}"


def _check(body: dict[str, Any]) -> Asked:
    source, rule = heard.number(body, "project", "id"), heard.number(body, "external_approval_rule", "id")
    request, commit = (
        heard.number(body, "object_attributes", "iid"),
        heard.text(body, "object_attributes", "last_commit", "id"),
    )
    heard.needed(**{"project.id": source, "external_approval_rule.id": rule, "iid": request})
    if not heard.COMMIT.fullmatch(commit):
        raise Invalid("The delivery names no usable commit.", field="last_commit.id")
    target = heard.text(body, "object_attributes", "target_branch")
    where = {"check": rule, "request": request}
    return Asked(source=source, place=target, commit=commit, ref="", where=where)


def _deployment(body: dict[str, Any]) -> Asked:
    source, deployment = heard.number(body, "project", "id"), heard.number(body, "deployment_id")
    place = heard.text(body, "environment")
    heard.needed(**{"project.id": source, "deployment_id": deployment, "environment": place})
    commit = heard.text(body, "commit_url", longest=1000).rpartition("/")[2] or heard.text(body, "short_sha")
    if not heard.COMMIT.fullmatch(commit):
        raise Invalid("The delivery names no usable commit.", field="commit_url")
    where = {"deployment": deployment}
    return Asked(source=source, place=place, commit=commit, ref=heard.text(body, "ref"), where=where)


def waiting(way: Way, projects: Sequence[str]) -> Iterator[Heard]:
    """Deployments that are blocked in these projects now, as after an outage of ours."""
    headers = {"PRIVATE-TOKEN": way.secret("token")}
    for project in projects:
        url = f"{way.settings['base']}/api/v4/projects/{project}/deployments?{urlencode(_BLOCKED)}"
        rows = found_json(expected(way.line.get(url, headers), 200, of="GitLab"), of="GitLab")
        for row in rows if isinstance(rows, list) else ():
            if asked := _blocked(project, row):
                delivery = f"waiting-{project}-{asked.where['deployment']}"
                yield Heard(delivery=delivery, what="blocked deployment", outcome="a question", asked=asked)


def _blocked(project: str, row: Any) -> Asked | None:
    """A blocked deployment as GitLab lists it; None where it cannot be answered."""
    deployment, place = heard.number(row, "id"), heard.text(row, "environment", "name")
    commit, blocked = heard.text(row, "sha"), heard.text(row, "status") == "blocked"
    if not (deployment and place and blocked and heard.COMMIT.fullmatch(commit)):
        return None
    where = {"deployment": deployment}
    return Asked(source=project, place=place, commit=commit, ref=heard.text(row, "ref"), where=where)


def tell(way: Way, told: Told) -> None:
    """Set the check, or approve or reject the deployment; a blocked one simply stays so while people sign."""
    project = f"{way.settings['base']}/api/v4/projects/{way.source}"
    headers = {"PRIVATE-TOKEN": way.secret("token")}
    if "check" in way.where:
        said = {
            "sha": way.commit,
            "external_status_check_id": way.where["check"],
            "status": _CHECK[told.outcome],
        }
        url = f"{project}/merge_requests/{way.where['request']}/status_check_responses?{urlencode(said)}"
        # 409: the merge request has moved on, and asks again for its newest commit.
        expected(way.line.post(url, {}, headers), 200, 201, 409, of="GitLab")
        return
    if told.outcome == "pending":
        return
    body = {"status": "approved" if told.allowed else "rejected", "comment": told.words(COMMENT)}
    url = f"{project}/deployments/{way.where['deployment']}/approval"
    expected(way.line.post(url, body, headers), 200, 201, of="GitLab")


def manifest(way: Way) -> bytes:
    """`governance/model.yaml` as it stands at the commit."""
    path = quote(MANIFEST, safe="")
    url = f"{way.settings['base']}/api/v4/projects/{way.source}/repository/files/{path}/raw?ref={way.commit}"
    headers = {"PRIVATE-TOKEN": way.secret("token")}
    answer = way.line.get(url, headers)
    if answer.status == 404:
        raise NotFound(f"There is no {MANIFEST} at the commit {way.commit[:12]}.")
    return expected(answer, 200, of="GitLab").body
