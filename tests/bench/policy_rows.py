"""Rows for previews of a policy: many models, each measured once under a released policy of many gates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from apps.access.models import Person
from apps.gates.clock import database_now
from apps.gates.models import Decision, Evidence, PolicyRelease, Run
from apps.inventory.models import ModelVersion, RegisteredModel, Use
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
    """Models with one version and use, a decision each, evidence for every gate; the policy's author.

    The first is made as any other is; the database itself copies the rest.
    """
    release, owner = released(gates), rows.person("omar", "owner")
    version = rows.version(owner, of=rows.model(owner, "m-0"))
    at, data = (
        database_now() - timedelta(minutes=5),
        {f"segment-{k:02}": rows.digest_of(f"{k}") for k in range(gates)},
    )
    named = [{"id": release.policy, "version": release.version, "digest": release.digest}]
    pinned = {"version": version.digest, "artifact": version.artifact_id, "datasets": data, "fields": {}}
    run = rows.run(owner, of=version, pinned=pinned | {"policies": named})
    Evidence.objects.bulk_create(list(_evidence(run, data, at)))
    decision = _decision(run, named, at)
    decision.save(force_insert=True)
    _copies(models - 1, run, decision)
    return Person.objects.get(username="pat")


def _copies(number: int, run: Run, decision: Decision) -> None:
    """The same model so many times, each with numbers of its own."""
    model, version, use = run.version.model, run.version, run.use
    digest = "'sha256:' || md5(%s || i) || md5(i || %s)".replace("%s", "'{0}'")
    _copy(RegisteredModel, f"id = {model.pk}", number, id=_id(model.pk), key="'m-' || i")
    _copy(Use, f"id = {use.pk}", number, id=_id(use.pk), model_id=_id(model.pk))
    named = {"digest": digest.format("version"), "id": _id(version.pk), "model_id": _id(model.pk)}
    _copy(ModelVersion, f"id = {version.pk}", number, **named)
    held = {"version_id": _id(version.pk), "use_id": _id(use.pk)}
    uuid = "md5('run' || i)::uuid"
    _copy(Run, f"id = '{run.pk}'", number, id=uuid, key="'bench:' || i", **held)
    value = "0.6 + mod(i * 7919 + t.id * 31, 1000) / 2500.0"
    _copy(
        Evidence, f"run_id = '{run.pk}'", number, id="t.id + i * 1000", run_id=uuid,
        measurement="jsonb_set(t.measurement, '{value}', to_jsonb(" + value + "))",
        statement_digest="'sha256:' || md5(t.id || 'e' || i) || md5(i || 'e' || t.id)",
    )  # fmt: skip
    sealed = {"statement_digest": digest.format("decision"), "run_id": uuid}
    _copy(Decision, f"id = {decision.pk}", number, id=_id(decision.pk), **held, **sealed)


def _id(first: int) -> str:
    return f"{first} + i * 10"


def _copy(kind: Any, where: str, number: int, **changes: str) -> None:
    fields = [f.column for f in kind._meta.concrete_fields if not f.generated]
    values = ", ".join(changes.get(name, f't."{name}"') for name in fields)
    names = ", ".join(f'"{name}"' for name in fields)
    table = kind._meta.db_table
    with connection.cursor() as cursor:
        into = f"INSERT INTO {table} ({names}) SELECT {values}"
        cursor.execute(f"{into} FROM {table} t, generate_series(1, %s) i WHERE t.{where}", [number])


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


def _evidence(run: Run, data: Any, at: datetime) -> Iterator[Evidence]:
    for k, (name, digest) in enumerate(data.items()):
        yield Evidence(
            run=run, gate=f"auc-{k:02}", check_id="performance.auc", check_version="1", measured_at=at,
            artifact_digest=run.pinned["artifact"], dataset_digest=digest,
            measurement=measurement(k, name), statement_digest=rows.digest_of(f"{run.key} {k}"),
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
