"""Large data in parts over two real workers, one of them killed: the bytes of one file, measured by one."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pytest_django import Settings

from apps.access.models import Person
from apps.engine.child import in_child
from apps.engine.policy import gates_for
from apps.gates import commands, queries
from apps.gates.models import Decision, Evidence, Partition, Run
from apps.gates.states import ENDED, PartitionState, RunState
from apps.inventory.commands import register_version, store_blob
from apps.inventory.models import BusinessUnit, ModelVersion
from tests.engine.subjects import ROLES
from tests.gates import rows
from tests.stack import LiveStack

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
]

ROWS, PARTS = 2_200_000, 10
SPEC: dict[str, Any] = {
    "kind": "classifier",
    "use": "credit_decision",
    "domain": "credit",
    "unit": "retail",
    "artifact": {"format": "none"},
}
POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: credit-parts, version: 1.0.0, title: A credit policy, owner: model-risk-policy}
effective: {from: 2026-01-01, until: null}
applies_to:
  match: {model.domain: [credit]}
gates:
  - {id: performance.floor, check: performance.auc, pass: {min: 0.60}}
  - {id: calibration.brier, check: calibration.brier, pass: {max: 0.5}}
  - {id: fairness.ratio, check: fairness.selection_rate_ratio, pass: {min: 0.5}}
"""


@pytest.fixture
def quick_lease(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("COUNTERSIGN_RUN_LEASE_SECONDS", "3")
    settings.RUN_LEASE_SECONDS = 3


def table() -> pa.Table:
    random = np.random.default_rng(5)
    score = random.random(ROWS).round(5)
    defaulted = (random.random(ROWS) < score * 0.6).astype(np.int8)
    sex = pa.DictionaryArray.from_arrays(random.integers(0, 2, ROWS).astype(np.int8), ["F", "M"])
    approved = pa.DictionaryArray.from_arrays((score < 0.5).astype(np.int8), ["no", "yes"])
    return pa.table({"score": score, "defaulted": defaulted, "sex": sex, "approved": approved})


def parquet(part: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(part, sink)
    return sink.getvalue().to_pybytes()


def registered(by: Person, whole: pa.Table) -> ModelVersion:
    BusinessUnit.objects.get_or_create(key="retail", defaults={"title": "Retail"})
    size = ROWS // PARTS
    parts = {
        f"p{i}.parquet": store_blob(by=by, stream=io.BytesIO(parquet(whole.slice(i * size, size)))).digest
        for i in range(PARTS)
    }
    manifest = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "credit-pd", "version": "1"},
        "spec": {**SPEC, "datasets": {"holdout": {"path": "holdout", **ROLES}}},
    }
    blobs = {"datasets": {"holdout": {"parts": parts}}}
    return register_version(by=by, manifest=yaml.safe_dump(manifest).encode(), blobs=blobs)


def on_one_file(run: Run, whole: pa.Table, folder: Path) -> dict[str, Any]:
    """What one process measures of the same rows in one file."""
    pq.write_table(whole, folder / "holdout.parquet")
    manifest = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "credit-pd", "version": "1"},
        "spec": {**SPEC, "datasets": {"holdout": {"path": "holdout.parquet", **ROLES}}},
    }
    (folder / "model.yaml").write_text(json.dumps(manifest))
    gates = [queries.question(gate) for gate in gates_for(queries.pinned_policies(run))]
    task = {"do": "gates", "manifest": str(folder / "model.yaml"), "gates": gates, "seed": run.seed}
    answer = in_child(task)
    assert answer["status"] == "done", answer
    return dict(answer["result"]["measurements"])


def killed(stack: LiveStack, run: Run) -> Partition:
    """Kill -9 of the process that sums up one of the partitions, while others wait."""
    at_work = run.partitions.filter(state=PartitionState.RUNNING)
    stack.until(at_work.exists)
    victim = at_work.latest("started_at")
    os.kill(int(victim.owner.rpartition(":")[2]), signal.SIGKILL)
    return victim


def test_a_killed_worker_costs_its_partition_and_no_byte(
    quick_lease: None, live_stack: LiveStack, tmp_path: Path
) -> None:
    live_stack.installation._worker("worker-more", "heavy", 1)
    by = rows.person("dora", "developer")
    rows.release(rows.person("pia"), rows.person("pat"), POLICY.encode())
    whole = table()
    version = registered(by, whole)
    run = commands.request_run(by=by, version=version, use=version.model.uses.get())
    assert run.partitions.count() == PARTS

    victim = killed(live_stack, run)
    live_stack.until(lambda: Run.objects.get(pk=run.pk).state in ENDED, patience=120)

    ended = Run.objects.get(pk=run.pk)
    assert ended.state == RunState.DECIDED, ended.cause
    assert Decision.objects.filter(run=run).count() == 1
    lost = {p.pk: p.lost for p in run.partitions.all()}
    assert lost == dict.fromkeys(lost, 0) | {victim.pk: 1}
    assert len({p.owner.rpartition(":")[0] for p in run.partitions.all()}) == 2
    measured = {e.gate: e.measurement for e in Evidence.objects.filter(run=run)}
    assert json.dumps(measured, sort_keys=True) == json.dumps(
        on_one_file(run, whole, tmp_path), sort_keys=True
    )
