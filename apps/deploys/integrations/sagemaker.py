"""The model registry of Amazon SageMaker: packages are read, and their approval status is written.

EventBridge tells of changes, more than once and in no order; each is a hint to read the registry again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from apps.audit.errors import Invalid
from apps.deploys.integrations import heard, proving
from apps.deploys.integrations.aws import Session, Signer
from apps.deploys.integrations.heard import Delivery, Heard
from apps.deploys.integrations.registries import Found, Mark, Registry, Writing, bounded, plain_digest
from apps.deploys.integrations.sending import NotTold, expected, found_json
from apps.deploys.integrations.telling import Way

HEADER = "X-Countersign-Key"
DIGEST = "countersign_digest"
CHANGED = "SageMaker Model Package State Change"
MARKS = {
    Mark.APPROVED: "Approved",
    Mark.PENDING: "PendingManualApproval",
    Mark.REJECTED: "Rejected",
}
DESCRIPTION = 1024
_PAGES = 50
_KEPT = (
    "ModelPackageArn",
    "ModelPackageStatus",
    "ModelPackageDescription",
    "CreationTime",
    "CreatedBy",
    "LastModifiedTime",
    "LastModifiedBy",
    "ApprovalDescription",
    "ModelLifeCycle",
    "ModelMetrics",
    "InferenceSpecification",
    "CustomerMetadataProperties",
    "MetadataProperties",
    "ModelCard",
)
_NO_MARKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]+")


def hear(given: Delivery) -> Heard:
    """An event of an API destination, once it carries the key of its connection."""
    if not proving.same(given.secrets, given.headers.get(HEADER, "")):
        raise heard.unproved()
    body = heard.document(given.raw)
    delivery, kind = heard.identity(heard.text(body, "id")), heard.text(body, "detail-type")
    if heard.text(body, "source") != "aws.sagemaker" or kind != CHANGED:
        return Heard(delivery=delivery, what=kind[:80] or "unknown", outcome="nothing to do")
    name = heard.text(body, "detail", "ModelPackageGroupName")
    heard.needed(**{"detail.ModelPackageGroupName": name})
    return Heard(delivery=delivery, what="package changed", outcome=f"read again for {name}", look=True)


def read(way: Way) -> Iterator[Found]:
    """Every version of every group whose name holds what the settings say."""
    within = {"NameContains": part} if (part := way.settings.get("groups", "")) else {}
    for group in _pages(way, "ListModelPackageGroups", within, "ModelPackageGroupSummaryList"):
        name = heard.text(group, "ModelPackageGroupName")
        asked = {"ModelPackageGroupName": name}
        for summary in _pages(way, "ListModelPackages", asked, "ModelPackageSummaryList") if name else ():
            arn = heard.text(summary, "ModelPackageArn", longest=2048)
            if arn and (found := _found(name, _ask(way, "DescribeModelPackage", {"ModelPackageName": arn}))):
                yield found


def _found(group: str, told: Mapping[str, Any]) -> Found | None:
    number, status = heard.number(dict(told), "ModelPackageVersion"), heard.text(told, "ModelApprovalStatus")
    if not number:
        return None
    return Found(
        name=group,
        number=number,
        status=status or MARKS[Mark.PENDING],
        digest=plain_digest(heard.at(told, "CustomerMetadataProperties", DIGEST)),
        said=bounded({name: told[name] for name in _KEPT if name in told}),
        key=heard.text(told, "ModelPackageArn", longest=2048),
    )


def write(way: Way, writing: Writing) -> None:
    """Set the approval status of a package, with the reasons as its description."""
    body = {
        "ModelPackageArn": writing.key,
        "ModelApprovalStatus": writing.status,
        "ApprovalDescription": _NO_MARKS.sub(" ", writing.words)[:DESCRIPTION],
    }
    _ask(way, "UpdateModelPackage", body)


def tried(way: Way) -> str:
    """Whether the key is taken, and the registry may be read."""
    _ask(way, "ListModelPackageGroups", {"MaxResults": 1})
    return "SageMaker takes this key and lists its groups of model packages."


def endpoint(settings: Mapping[str, str]) -> str:
    """Where the service is asked."""
    return settings.get("endpoint") or f"https://api.sagemaker.{settings['region']}.amazonaws.com"


def _pages(way: Way, action: str, asked: Mapping[str, Any], of: str) -> Iterator[dict[str, Any]]:
    after: dict[str, Any] = {}
    for _ in range(_PAGES):
        told = _ask(way, action, {**asked, "MaxResults": 100, **after})
        rows = told.get(of)
        yield from (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
        token = told.get("NextToken")
        if not token or not isinstance(token, str):
            return
        after = {"NextToken": token}
    raise NotTold(f"SageMaker lists more than {_PAGES} pages; name the groups more closely.")


def signer_of(way: Way, now: datetime) -> Signer:
    """As whom SageMaker is asked: by temporary credentials where some are given, else by the key."""
    where = {"region": way.settings["region"], "service": "sagemaker"}
    if text := way.secret("session"):
        held = Session.of(text).held(now)
        return Signer(key_id=held.key_id, secret=held.secret, session=held.token, **where)
    if secret := way.secret("secret_key"):
        return Signer(key_id=way.settings["key_id"], secret=secret, **where)
    raise NotTold("Neither the secret access key nor temporary credentials were given.")


def _ask(way: Way, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC)
    signer = signer_of(way, now)
    url, raw = endpoint(way.settings), json.dumps(body, allow_nan=False).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"SageMaker.{action}"}
    answer = way.line.send("POST", f"{url}/", raw, signer.signed(url, raw, headers, now))
    if answer.status == 200 and not answer.body.strip():
        return {}
    found = found_json(expected(answer, 200, of=f"SageMaker ({action})"), of="SageMaker")
    if not isinstance(found, dict):
        raise Invalid("SageMaker answered something that is no JSON object.")
    return found


REGISTRY = Registry(read=read, write=write, marks=MARKS, longest=DESCRIPTION)
