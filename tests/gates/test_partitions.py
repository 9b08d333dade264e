"""Runs of large data in parts: shared out, summed up by many workers, merged by any."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from apps.audit.errors import Invalid, NotFound, Refused
from apps.audit.models import Event, Statement
from apps.audit.states import system
from apps.costs.commands import Held, enter
from apps.costs.models import Budget, CostEntry
from apps.engine import inside, table_limits
from apps.engine.partitions import measure_partition
from apps.engine.subject import load
from apps.gates import commands, dividing, measuring, queries, summing
from apps.gates.clock import Clock, database_now
from apps.gates.commands import outside
from apps.gates.dividing import MOST, shares_of
from apps.gates.models import Evidence, Partition, Run
from apps.gates.pacing import lease
from apps.gates.queue import why_waits
from apps.gates.states import PartitionState, RunState, WaitsFor
from apps.inventory import intake
from apps.inventory.commands import register_version, store_blob
from apps.inventory.models import BusinessUnit, ModelVersion
from apps.inventory.store import the_store
from tests.engine.subjects import ROLES
from tests.gates import rows, world
from tests.gates.broker import Broker

WORKER, RELAY = system("worker"), system("relay")
TEN = 10

POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: credit-parts, version: 1.0.0, title: A credit policy, owner: model-risk-policy}
effective: {from: 2026-01-01, until: null}
applies_to:
  match: {model.domain: [credit]}
gates:
  - {id: performance.floor, check: performance.auc, pass: {min: 0.70}}
  - {id: fairness.ratio, check: fairness.selection_rate_ratio, pass: {min: 0.1}}
  - {id: fairness.alike, check: fairness.consistency, pass: {min: 0.1}, enforcement: advisory, severity: low}
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child's work is done here, and every table counts as large."""

    def child(task: Mapping[str, Any], *, limits=None, progress=None, tick=None) -> dict[str, Any]:
        answer = inside._answer(task, progress or (lambda _: None))
        usage = {"cpu_seconds": 1.0, "peak_memory_bytes": 7}
        return {**json.loads(json.dumps(answer)), "walls": {"core": "0"}, "usage": usage}

    for module in (measuring, summing, intake, outside):
        monkeypatch.setattr(module, "in_child", child)
    monkeypatch.setattr(table_limits, "HELD_ROWS", 0)


@pytest.fixture
def dora(db: None):
    return rows.person("dora", "developer")


@pytest.fixture
def policy(db: None):
    return rows.release(rows.person("pia"), rows.person("pat"), POLICY.encode())


def parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=40)
    return sink.getvalue().to_pybytes()


def register(by, *, parts: int, label: str) -> ModelVersion:
    """The same rows as one file or in parts."""
    BusinessUnit.objects.get_or_create(key="retail", defaults={"title": "Retail"})
    whole = pa.table({name: list(values) for name, values in world.MANY.items()})
    cuts = [whole.slice(i * whole.num_rows // parts, whole.num_rows // parts) for i in range(parts)]
    sent = [store_blob(by=by, stream=io.BytesIO(parquet(cut))).digest for cut in cuts]
    given: Any = sent[0] if parts == 1 else {"parts": {f"p{i:02d}.parquet": d for i, d in enumerate(sent)}}
    manifest = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "credit-pd", "version": label},
        "spec": {
            "kind": "classifier",
            "use": "credit_decision",
            "domain": "credit",
            "unit": "retail",
            "artifact": {"format": "none"},
            "datasets": {"holdout": {"path": "holdout.parquet" if parts == 1 else "holdout", **ROLES}},
        },
    }
    blobs = {"datasets": {"holdout": given}}
    return register_version(by=by, manifest=yaml.safe_dump(manifest).encode(), blobs=blobs)


def request(by, version: ModelVersion) -> Run:
    return commands.request_run(by=by, version=version, use=version.model.uses.get())


@pytest.fixture
def run(dora, policy) -> Run:
    return request(dora, register(dora, parts=TEN, label="parts"))


def partitions(run: Run) -> Iterator[Partition]:
    return run.partitions.order_by("number").iterator()


def sum_up(run: Run, owner: str = "w1") -> None:
    for partition in list(partitions(run)):
        commands.execute_partition(by=WORKER, partition_id=partition.pk, owner=owner)


def execute(run: Run) -> Run:
    found = commands.execute_run(by=WORKER, run_id=run.pk, owner="last")
    assert found is not None
    return found


def measurements(run: Run) -> dict[str, str]:
    return {e.gate: json.dumps(e.measurement) for e in Evidence.objects.filter(run=run)}


def test_each_part_is_a_partition_and_the_run_waits_for_all(run, broker: Broker) -> None:
    assert [list(p.parts) for p in partitions(run)] == [[f"p{i:02d}.parquet"] for i in range(TEN)]
    assert (run.state, run.waits_for) == (RunState.QUEUED, WaitsFor.PARTITIONS)
    assert why_waits(run).why == f"0 of {TEN} partitions are measured, 0 at work."
    assert commands.execute_run(by=WORKER, run_id=run.pk, owner="early") is None
    assert commands.claim_next(by=WORKER, lane=run.lane, owner="early") is None


def test_ten_parts_give_the_bytes_of_one_file(run, dora) -> None:
    one = request(dora, register(dora, parts=1, label="one"))
    assert not one.partitions.exists()
    Run.objects.filter(pk=one.pk).update(seed=run.seed)
    sum_up(run)
    whole, merged = execute(one), execute(run)
    assert (whole.state, merged.state) == (RunState.DECIDED, RunState.DECIDED), merged.cause
    assert measurements(merged) == measurements(whole)
    assert merged.decision.outcome == whole.decision.outcome == "pass"


def test_a_large_file_is_shared_out_by_row_groups_and_gives_its_own_bytes(
    dora, policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = register(dora, parts=1, label="one")
    whole = execute(request(dora, version))
    monkeypatch.setattr(dividing, "SLICE_ROWS", whole.version.datasets.get().rows // TEN)
    sliced = request(dora, version)
    assert [list(p.parts) for p in partitions(sliced)] == [
        [f"holdout.parquet/{i + 1}/10"] for i in range(TEN)
    ]
    lost, *others = partitions(sliced)
    held = commands.claim_partition(by=WORKER, partition_id=lost.pk, owner="gone")
    Partition.objects.filter(pk=held.pk).update(lease_until=Clock() - timedelta(seconds=1))
    for number, partition in enumerate([*others, lost]):
        commands.execute_partition(by=WORKER, partition_id=partition.pk, owner=f"w{number % 2}")
    merged = execute(sliced)
    assert measurements(merged) == measurements(whole)
    assert {p.number: p.lost for p in partitions(merged)} == {0: 1} | dict.fromkeys(range(1, TEN), 0)


def test_other_files_and_those_that_are_gone_are_not_cut(dora, policy, monkeypatch) -> None:
    monkeypatch.setattr(dividing, "SLICE_ROWS", 2)
    data = register(dora, parts=1, label="one").datasets.get()
    csv = store_blob(by=dora, stream=io.BytesIO(b"score,defaulted"))
    for digest in (csv.digest, "sha256:" + "0" * 64):
        data.blob_id = digest
        assert dividing._sliced(data) == []


def test_the_last_partition_lets_the_run_begin(run) -> None:
    for partition in list(partitions(run)):
        assert Run.objects.get(pk=run.pk).waits_for == WaitsFor.PARTITIONS
        commands.execute_partition(by=WORKER, partition_id=partition.pk, owner="w1")
    ready = Run.objects.get(pk=run.pk)
    assert (ready.waits_for, ready.not_before) == ("", None)


def test_evidence_names_the_statements_of_its_partitions(run) -> None:
    sum_up(run)
    execute(run)
    sealed = Evidence.objects.filter(run=run).first().statement_digest
    said = json.loads(bytes(Statement.objects.get(pk=sealed).payload))["predicate"]
    assert said["partitions"]["holdout"] == [p.statement_digest for p in partitions(run)]
    told = json.loads(bytes(Statement.objects.get(pk=said["partitions"]["holdout"][3]).payload))
    assert list(told["predicate"]["parts"]) == ["p03.parquet"]
    assert told["predicate"]["rows"] == 80
    assert said["machine"]["libraries"]["numpy"] == told["predicate"]["machine"]["libraries"]["numpy"]


def test_the_cost_is_that_of_all_who_worked(run) -> None:
    sum_up(run)
    execute(run)
    entries = list(CostEntry.objects.filter(run=run.pk))
    assert [e.cpu_seconds for e in entries if e.outcome == "measured"] == [1] * TEN
    # The merging, and once more for the gate that takes rows.
    assert [e.cpu_seconds for e in entries if e.outcome == "decided"] == [2]
    assert len(entries) == TEN + 1
    assert {e.partition for e in entries} == {None, *(p.pk for p in partitions(run))}


def test_attempts_at_a_partition_that_came_to_nothing_are_charged_too(run, dora) -> None:
    lost, failed, returned, last = list(partitions(run))[:4]
    for row in (lost, failed, returned, last):
        commands.claim_partition(by=WORKER, partition_id=row.pk, owner=f"host:{row.number}:1")
    silent(lost)
    assert commands.take_back_partitions(by=RELAY) == 1
    assert commands.give_back_partitions(by=WORKER, owner="host:2") == 1
    failed.refresh_from_db()
    commands.fail_partition(by=WORKER, partition=failed, failure=measuring.Failure.CRASH, cause="It fell.")
    commands.cancel(by=dora, run=run)
    silent(last)
    assert commands.take_back_partitions(by=RELAY) == 1
    told = {e.partition: (e.outcome, e.measured, e.wall_seconds) for e in CostEntry.objects.all()}
    assert told[lost.pk] == ("lost", False, 40)
    assert told[last.pk] == ("cancelled", False, 40)
    assert [told[row.pk][:2] for row in (failed, returned)] == [("retried", False), ("returned", False)]
    assert set(told) == {None, lost.pk, failed.pk, returned.pk, last.pk}


def silent(partition: Partition) -> None:
    """Its worker was heard of last forty seconds after it began."""
    until = database_now() - timedelta(seconds=1)
    began = until - lease() - timedelta(seconds=40)
    Partition.objects.filter(pk=partition.pk).update(lease_until=until, started_at=began)


def test_no_partition_begins_beyond_the_budget(run) -> None:
    enter(by=WORKER, run=run, usage=Held(wall_seconds=1e6))
    month = run.requested_at.date().replace(day=1)
    Budget.objects.create(
        unit_key="retail", month=month, amount="0.01", currency="EUR", set_by=run.requested_by
    )
    sum_up(run)
    assert {p.cause.startswith("Waits: the budget") for p in partitions(run)} == {True}
    run.refresh_from_db()
    assert run.waits_for


def test_what_happened_stands_in_the_trail(run) -> None:
    first = next(partitions(run))
    held = commands.claim_partition(by=WORKER, partition_id=first.pk, owner="w1")
    commands.fail_partition(by=WORKER, partition=held, failure=measuring.Failure.CRASH, cause="It fell over.")
    Partition.objects.filter(pk=first.pk).update(not_before=None)
    commands.execute_partition(by=WORKER, partition_id=first.pk, owner="w2")
    told = Event.objects.filter(object_id=str(first.pk)).order_by("occurred_at")
    assert list(told.values_list("action", flat=True)) == [
        "partition.claimed",
        "partition.retried",
        "partition.claimed",
        "partition.measured",
    ]
    assert Event.objects.filter(action="partition.sealed").count() == 1


def happened(action: str) -> int:
    return Event.objects.filter(action=action).count()


def test_two_workers_never_have_one_partition(run) -> None:
    first = next(partitions(run))
    assert commands.claim_partition(by=WORKER, partition_id=first.pk, owner="w1").fence == 1
    assert commands.claim_partition(by=WORKER, partition_id=first.pk, owner="w2") is None


def expire(partition: Partition) -> None:
    Partition.objects.filter(pk=partition.pk).update(lease_until=Clock() - timedelta(seconds=1))


def test_a_lost_worker_costs_only_its_partition(run) -> None:
    first = next(partitions(run))
    frozen = commands.claim_partition(by=WORKER, partition_id=first.pk, owner="frozen")
    expire(first)
    assert commands.take_back_partitions(by=RELAY) == 1
    sum_up(run)
    assert [p.lost for p in partitions(run)] == [1] + [0] * (TEN - 1)
    assert happened("partition.lost") == 1
    before = Event.objects.count()
    with pytest.raises(commands.Fenced):
        commands.fail_partition(by=WORKER, partition=frozen, failure=measuring.Failure.CRASH, cause="late")
    assert Event.objects.count() == before
    assert execute(run).state == RunState.DECIDED


def test_a_partition_that_loses_every_worker_ends_the_run(run) -> None:
    first = next(partitions(run))
    for _ in range(10):
        Partition.objects.filter(pk=first.pk).update(not_before=None)
        commands.claim_partition(by=WORKER, partition_id=first.pk, owner="dies")
        expire(first)
        commands.take_back_partitions(by=RELAY)
    first.refresh_from_db()
    assert (first.state, first.lost, happened("partition.failed")) == (PartitionState.FAILED, 10, 1)
    assert "was lost 10 times" in execute(run).cause


def test_a_shut_down_worker_gives_its_partition_back(run) -> None:
    first = next(partitions(run))
    commands.claim_partition(by=WORKER, partition_id=first.pk, owner="host:1:2")
    assert commands.give_back_partitions(by=WORKER, owner="host:1") == 1
    first.refresh_from_db()
    assert (first.state, first.lost, first.attempt) == (PartitionState.QUEUED, 0, 0)
    assert happened("partition.returned") == 1


def damage(digest: str) -> None:
    place = the_store().path(digest)
    place.chmod(0o600)
    place.write_bytes(place.read_bytes() + b"x")


@pytest.mark.parametrize("how", ["changed", "gone", "forged"])
def test_a_summary_that_is_not_to_be_had_is_made_again(run, how: str) -> None:
    sum_up(run)
    second, other = list(partitions(run))[1:3]
    if how == "changed":
        damage(second.summary_id)
    elif how == "gone":
        the_store().path(second.summary_id).unlink()
    else:  # somebody with the service's own SQL
        Partition.objects.filter(pk=second.pk).update(summary_id=other.summary_id)
    waits = execute(run)
    assert (waits.state, waits.attempt, waits.waits_for) == (RunState.QUEUED, 1, WaitsFor.PARTITIONS)
    assert "holdout 2 is gone, was changed" in waits.cause
    assert [p.state for p in partitions(run)].count(PartitionState.QUEUED) == 1
    assert happened("partition.requeued") == 1
    sum_up(run)
    assert execute(run).state == RunState.DECIDED


def test_a_part_that_was_changed_in_the_store_ends_the_run(run) -> None:
    damage(next(iter(next(partitions(run)).parts.values())))
    sum_up(run)
    ended = execute(run)
    assert (ended.state, "were changed" in ended.cause) == (RunState.ERRORED, True)
    outcomes = Counter(CostEntry.objects.filter(run=ended.pk).values_list("outcome", flat=True))
    assert outcomes == {"errored": 2}  # the partition, and the run for it


def test_a_part_that_does_not_come_is_tried_again_and_then_the_run_is_dead(run) -> None:
    the_store().path(next(iter(next(partitions(run)).parts.values()))).unlink()
    for _ in range(3):
        Partition.objects.filter(run=run).update(not_before=None)
        sum_up(run)
    first = next(partitions(run))
    assert (first.state, first.attempt) == (PartitionState.FAILED, 3)
    for _ in range(3):
        Run.objects.filter(pk=run.pk).update(not_before=None)
        ended = execute(run)
    assert (ended.state, "It failed 3 times" in ended.cause) == (RunState.DEAD, True)


def test_a_requeued_run_tries_its_failed_partitions_again(run) -> None:
    first = next(partitions(run))
    held = commands.claim_partition(by=WORKER, partition_id=first.pk, owner="w")
    Partition.objects.filter(pk=first.pk).update(attempt=2)
    commands.fail_partition(by=WORKER, partition=held, failure=measuring.Failure.CRASH, cause="It fell over.")
    for _ in range(3):
        Run.objects.filter(pk=run.pk).update(not_before=None)
        dead = execute(run)
    head = rows.person("hana", "head-of-model-risk")
    again = commands.requeue(by=head, run=dead, reason="The disk is back.")
    assert (again.waits_for, next(partitions(run)).attempt) == (WaitsFor.PARTITIONS, 0)
    sum_up(run)
    assert execute(run).state == RunState.DECIDED


def test_nobody_works_for_a_cancelled_run(run, dora) -> None:
    first, second = list(partitions(run))[:2]
    held = commands.claim_partition(by=WORKER, partition_id=first.pk, owner="w1")
    commands.cancel(by=dora, run=run, reason="not needed")
    assert commands.claim_partition(by=WORKER, partition_id=second.pk, owner="w1") is None
    assert not commands.beat_partition(partition_id=held.pk, fence=held.fence)


def test_a_partition_whose_message_was_lost_gets_another(run, broker: Broker) -> None:
    broker.sent.clear()
    assert commands.send_partition_hints(by=RELAY) == 0
    Partition.objects.filter(run=run, number__lt=3).update(published_at=Clock() - timedelta(seconds=6))
    assert commands.send_partition_hints(by=RELAY) == 3
    assert {message[0] for message in broker.sent} == {str(p.pk) for p in partitions(run) if p.number < 3}


# Elsewhere ----------------------------------------------------------------------------------------------


def summed_elsewhere(taken: Partition, folder: Path) -> bytes:
    """What a job on another machine does with the parts that it was told."""
    every, gates = queries.asked_of(taken.run, taken)
    (folder / "holdout").mkdir(parents=True, exist_ok=True)
    for name, digest in taken.parts.items():
        (folder / "holdout" / name).write_bytes(the_store().path(digest).read_bytes())
    manifest = {**taken.run.version.manifest, "apiVersion": "governance/v1", "kind": "ModelVersion"}
    (folder / "model.yaml").write_text(json.dumps(manifest))
    return measure_partition(load(folder), taken.dataset, gates, parts=list(taken.parts), every=every)


def hand_in(by, taken: Partition, data: bytes) -> Partition:
    digest = store_blob(by=by, stream=io.BytesIO(data)).digest
    return commands.hand_in_partition(
        by=by, run=taken.run, partition_id=taken.pk, fence=taken.fence, summary=digest
    )


def test_what_is_summed_up_elsewhere_is_supplied_and_opens_no_mandatory_gate(run, dora, tmp_path) -> None:
    taken = commands.take_partition(by=dora, run=run)
    assert commands.keep_partition(by=dora, run=run, partition_id=taken.pk, fence=taken.fence) == taken
    done = hand_in(dora, taken, summed_elsewhere(taken, tmp_path / "job"))
    assert (done.state, done.owner) == (PartitionState.MEASURED, "outside:dora")
    assert not CostEntry.objects.exists()
    sum_up(run)
    ended = execute(run)
    found = {e.gate: e.measurement for e in Evidence.objects.filter(run=run)}
    assert found["performance.floor"]["provenance"] == "supplied"
    assert ended.decision.outcome != "pass"
    whole = request(dora, register(dora, parts=1, label="one"))
    Run.objects.filter(pk=whole.pk).update(seed=run.seed)
    execute(whole)
    governed = Evidence.objects.get(run=whole, gate="performance.floor").measurement
    assert {**governed, "provenance": "supplied"} == found["performance.floor"]


def test_summaries_of_other_parts_are_refused(run, dora, tmp_path) -> None:
    first, second = (commands.take_partition(by=dora, run=run) for _ in range(2))
    data = summed_elsewhere(second, tmp_path / "job")
    with pytest.raises(Invalid, match=r"summaries of p01\.parquet of holdout; p00\.parquet of holdout were"):
        hand_in(dora, first, data)
    with pytest.raises(Invalid, match="no summaries of a part"):
        hand_in(dora, first, b"nonsense")
    assert Partition.objects.get(pk=first.pk).state == PartitionState.RUNNING


def test_only_whoever_took_a_partition_hands_it_in_and_in_time(run, dora, tmp_path) -> None:
    other = rows.person("otto", "developer")
    taken = commands.take_partition(by=dora, run=run)
    data = summed_elsewhere(taken, tmp_path / "job")
    with pytest.raises(NotFound, match="that you hold"):
        hand_in(other, taken, data)
    expire(taken)
    commands.take_back_partitions(by=RELAY)
    sum_up(run)
    with pytest.raises(NotFound, match="that you hold"):
        hand_in(dora, taken, data)
    assert execute(run).decision.outcome == "pass"


def test_nobody_hands_in_bytes_of_others(run, dora) -> None:
    taken = commands.take_partition(by=dora, run=run)
    with pytest.raises(NotFound, match="were not uploaded by you"):
        commands.hand_in_partition(
            by=dora, run=run, partition_id=taken.pk, fence=taken.fence, summary="sha256:" + "0" * 64
        )
    with pytest.raises(Refused, match="no longer yours under the fence 9"):
        commands.keep_partition(by=dora, run=run, partition_id=taken.pk, fence=9)


def test_many_parts_are_shared_out_by_their_bytes(dora, policy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.gates.dividing.MOST", 3)
    version = register(dora, parts=TEN, label="many")
    run = request(dora, version)
    shared = [len(p.parts) for p in partitions(run)]
    assert (len(shared), sum(shared)) == (3, TEN)
    sum_up(run)
    assert execute(run).state == RunState.DECIDED


def test_data_that_a_worker_can_hold_are_not_shared_out(
    dora, policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_limits, "HELD_ROWS", 1 << 21)
    run = request(dora, register(dora, parts=TEN, label="small"))
    assert (run.partitions.count(), run.waits_for) == (0, "")
    assert execute(run).state == RunState.DECIDED
    assert shares_of(run.version, []) == []
    assert MOST == 64
