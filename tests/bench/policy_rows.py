"""Rows for previews of a policy: many models, each measured once under a released policy of many gates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from apps.access.models import Person
from apps.gates.clock import database_now
from apps.gates.models import Decision, Evidence, PolicyRelease, Run
from apps.inventory.models import Blob, BusinessUnit, ModelVersion, RegisteredModel, Use
from tests.gates import rows

GROUPS = 12


def policy_text(gates: int, *, version: str = "1.0.0", floor: float = 0.60, name: str = "bench") -> bytes:
    """A policy of so many gates on credit models, two people to sign."""
    lines = [
        "apiVersion: governance/v1",
        "kind: Policy",
        f"metadata: {{id: {name}, version: {version}, title: Many gates, owner: model-risk-policy}}",
        "effective: {from: 2026-01-01, until: null}",
        "applies_to: {match: {model.domain: [credit]}}",
        "gates:",
    ]
    for k in range(gates):
        lines.append(f"  - {{id: auc-{k:02}, title: Ranking of segment {k}, check: performance.auc,")
        lines.append(f"     with: {{dataset: segment-{k:02}}}, pass: {{min: {floor + k / 1000:.3f}}}}}")
    lines.append("approvals:")
    lines.append("  steps:")
    lines.append("    - {id: validation, role: validator, quorum: 1}")
    lines.append("    - {id: risk, role: risk-officer, quorum: 2, after: [validation]}")
    return "\n".join([*lines, ""]).encode()


def released(gates: int) -> PolicyRelease:
    """The policy in force, released by two people; three more are there to sign."""
    rows.person("vera", "validator"), rows.person("rob", "risk-officer"), rows.person("ruth", "risk-officer")
    authors = (rows.person("pat", "model-risk-policy"), rows.person("pia", "model-risk-policy"))
    return rows.release(*authors, policy_text(gates))


def fill(models: int, gates: int) -> Person:
    """Models with one version and use, a decision each, evidence for every gate; the policy's author."""
    release, owner = released(gates), rows.person("omar", "owner")
    unit = BusinessUnit.objects.create(key="retail", title="Retail")
    blob = Blob.objects.create(digest=rows.digest_of("artifact"), size=1, stored_by=owner)
    made = RegisteredModel.objects.bulk_create(
        [
            RegisteredModel(
                key=f"m-{i:05}", title=f"Model {i}", kind="classifier", domain="credit",
                jurisdictions=["US"], exposure_eur=1000 * i, unit=unit, owner=owner, registered_by=owner,
            )
            for i in range(models)
        ]
    )  # fmt: skip
    uses = Use.objects.bulk_create([Use(model=m, key="credit_decision") for m in made])
    versions = ModelVersion.objects.bulk_create([_version(m, blob, owner) for m in made])
    data = {f"segment-{k:02}": rows.digest_of(f"segment {k}") for k in range(gates)}
    named = [{"id": release.policy, "version": release.version, "digest": release.digest}]
    runs = Run.objects.bulk_create(
        [_run(v, u, owner, data, named) for v, u in zip(versions, uses, strict=True)], batch_size=500
    )
    at = database_now() - timedelta(minutes=5)
    _batches(Evidence, (e for i, run in enumerate(runs) for e in _evidence(i, run, data, at)), 2_000)
    _batches(Decision, (_decision(run, named, at) for run in runs), 500)
    return Person.objects.get(username="pat")


def _batches(kind: Any, made: Iterator[Any], size: int) -> None:
    while batch := list(islice(made, size)):
        kind.objects.bulk_create(batch)


def _version(model: RegisteredModel, blob: Blob, owner: Person) -> ModelVersion:
    return ModelVersion(
        model=model, label="1", digest=rows.digest_of(model.key), manifest={"spec": {}},
        manifest_digest=rows.digest_of("m"), artifact=blob, artifact_format="onnx", registered_by=owner,
    )  # fmt: skip


def _run(version: ModelVersion, use: Use, owner: Person, data: Any, named: Any) -> Run:
    pinned = {"version": version.digest, "artifact": version.artifact_id, "datasets": data}
    pinned |= {"policies": named, "fields": {}}
    return Run(
        key=f"bench:{version.digest}", pins=version.digest, pinned=pinned, version=version, use=use,
        requested_by=owner, published_at=database_now(), hints=1,
    )  # fmt: skip


def measurement(i: int, dataset: str) -> dict[str, Any]:
    """A measurement as workers store it: with the groups and bins that a page shows."""
    value = 0.60 + (i * 7919 % 1000) / 2500
    return {
        "check": "performance.auc", "check_version": "1", "status": "measured", "provenance": "governed",
        "value": value, "interval": [value - 0.01, value + 0.01], "confidence": 0.95, "method": "DeLong",
        "n": 10_000 + i, "seed": 0, "parameters": {"dataset": dataset, "min_group_size": 30}, "notes": [],
        "groups": [{"attribute": "race", "group": f"g{k}", "n": 800, "value": value} for k in range(GROUPS)],
        "tables": {"bins": [{"low": k / 10, "high": (k + 1) / 10, "rows": 1000} for k in range(10)]},
    }  # fmt: skip


def _evidence(i: int, run: Run, data: Any, at: datetime) -> Iterator[Evidence]:
    for k, (name, digest) in enumerate(data.items()):
        yield Evidence(
            run=run, gate=f"auc-{k:02}", check_id="performance.auc", check_version="1", measured_at=at,
            artifact_digest=run.pinned["artifact"], dataset_digest=digest,
            measurement=measurement(i + k, name), statement_digest=rows.digest_of(f"{run.key} {k}"),
        )  # fmt: skip


def _decision(run: Run, named: Any, at: datetime) -> Decision:
    gates = [
        {"id": f"auc-{k:02}", "why": "It is so.", "measurement": measurement(k, f"segment-{k:02}")}
        for k in range(len(run.pinned["datasets"]))
    ]
    return Decision(
        run=run, version=run.version, use=run.use, purpose="approval", outcome="pass", policies=named,
        document={"gates": gates}, decided_at=at, statement_digest=rows.digest_of(f"d {run.key}"),
    )  # fmt: skip
