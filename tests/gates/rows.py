"""Rows of the apps below, made directly: what a run needs around it, without any file."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from django.db import transaction

from apps.access.models import Person, RoleGrant
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.engine.canonical import digest
from apps.engine.policy import read_policy
from apps.gates.clock import database_now
from apps.gates.models import PolicyRelease, Run
from apps.gates.queries import RELEASE
from apps.inventory.models import Blob, BusinessUnit, ModelVersion, RegisteredModel, Use

_numbers = itertools.count(1)


def digest_of(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def person(name: str, *roles: str, **changes: Any) -> Person:
    row = Person.objects.create(
        username=name, name=name.title(), identity=changes.pop("identity", name), **changes
    )
    for role in roles:
        granted(person=row, role=role, reason="test")
    return row


def granted(**fields: Any) -> RoleGrant:
    """A role and the event that tells of it, without which the database keeps none."""
    with transaction.atomic():
        grant = RoleGrant.objects.create(**fields)
        told = {"role": grant.role}
        audit.record(by=grant.person, action=EventName.ROLE_GRANTED, subject=grant, after=told)
    return grant


def model(owner: Person, key: str = "") -> RegisteredModel:
    key = key or f"credit-{next(_numbers)}"
    unit, _ = BusinessUnit.objects.get_or_create(key="retail", defaults={"title": "Retail"})
    return RegisteredModel.objects.create(
        key=key, title=key, kind="classifier", domain="credit", unit=unit, owner=owner, registered_by=owner
    )


def version(owner: Person, *, of: RegisteredModel | None = None, label: str = "1") -> ModelVersion:
    of = of or model(owner)
    blob = Blob.objects.create(digest=digest_of(f"artifact of {of.key}@{label}"), size=1, stored_by=owner)
    found = ModelVersion.objects.create(
        model=of,
        label=label,
        digest=digest_of(f"{of.key}@{label}"),
        manifest={"spec": {}},
        manifest_digest=digest_of(f"manifest of {of.key}@{label}"),
        artifact=blob,
        artifact_format="onnx",
        registered_by=owner,
    )
    for name in ("holdout", "production"):
        found.datasets.create(
            name=name,
            blob=blob,
            digest=digest_of(f"{name} of {of.key}@{label}"),
            rows=100,
            declared={},
            filename=f"{name}.csv",
        )
    return found


def use(of: RegisteredModel, key: str = "credit_decision") -> Use:
    return Use.objects.get_or_create(model=of, key=key)[0]


def run(owner: Person, *, of: ModelVersion | None = None, **changes: Any) -> Run:
    """A queued run without policies."""
    of = of or version(owner)
    pinned = {"version": of.digest, "artifact": of.artifact_id, "datasets": {}, "policies": [], "fields": {}}
    values = {"key": f"test:{next(_numbers)}", "pins": digest_of(of.digest), "pinned": pinned} | changes
    return Run.objects.create(
        version=of, use=use(of.model), requested_by=owner, published_at=database_now(), hints=1, **values
    )


POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {{id: {name}, version: {version}, title: A small policy, owner: model-risk-policy}}
effective: {{from: {start}, until: {until}}}
applies_to:
  match: {{model.domain: [{domain}]}}
gates:
  - id: security.scan
    check: security.artifact_scan
    pass: {{max: 0}}
"""


def policy_text(name: str = "small", number: str = "1.0.0", **changes: str) -> bytes:
    words = {"start": "2026-01-01", "until": "null", "domain": "credit"} | changes
    return POLICY.format(name=name, version=number, **words).encode()


def release(by: Person, second: Person, data: bytes) -> PolicyRelease:
    """A release as `release_policy` stores it, without its ceremony."""
    policy = read_policy(data, name="policy.yaml")
    statement = audit.seal(
        by=second,
        predicate_type=RELEASE,
        subjects=[Ref("policy", policy.id, f"{policy.id}@{policy.version}", policy.digest)],
        predicate={
            "policy": policy.named(),
            "text": digest(data),
            "cases": {},
            "proposedBy": str(by.pk),
            "releasedBy": str(second.pk),
            "document": policy.document,
        },
        event=EventName.POLICY_RELEASED,
    )
    return PolicyRelease.objects.create(
        policy=policy.id,
        version=policy.version,
        digest=policy.digest,
        text=data,
        document=policy.document,
        effective_from=policy.effective.start,
        effective_until=policy.effective.until,
        proposed_by=by,
        released_by=second,
        statement_digest=statement.digest,
    )
