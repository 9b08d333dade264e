from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from apps.audit.models import Event, Statement
from apps.audit.states import system
from apps.costs import commands as costs
from apps.costs.models import Budget, CostEntry
from apps.engine import inside
from apps.engine.policy import gates_for
from apps.gates import commands, measuring, queries, queue, tasks
from apps.gates.clock import Clock
from apps.gates.commands import Fenced
from apps.gates.models import Decision, Evidence, Run
from apps.gates.states import RunState
from apps.inventory import intake
from apps.inventory.models import ModelVersion
from apps.inventory.store import the_store
from tests.database import FreshDatabase
from tests.gates import rows, world

WORKER = system("worker")
SLOW = pytest.mark.slow

POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: credit-small, version: 1.0.0, title: A credit policy, owner: model-risk-policy}
effective: {from: 2026-01-01, until: null}
applies_to:
  match: {model.domain: [credit]}
gates:
  - {id: performance.floor, check: performance.auc, pass: {min: 0.70}}
  - {id: performance.better, check: performance.auc, pass: {min: 0.99}, enforcement: advisory, severity: low}
"""


@pytest.fixture(autouse=True)
def child(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow tests measure in a real child process; the others do the child's work here."""
    if request.node.get_closest_marker("slow"):
        return

    def here(task, *, limits=None, progress=None, tick=None):
        answer = inside._answer(task, progress or (lambda _: None))
        usage = {"cpu_seconds": 0.0, "peak_memory_bytes": 0}
        return {**json.loads(json.dumps(answer)), "walls": {}, "usage": usage}

    monkeypatch.setattr(measuring, "in_child", here)
    monkeypatch.setattr(intake, "in_child", here)


@pytest.fixture
def dora(db: None):
    return rows.person("dora", "developer")


@pytest.fixture
def version(dora, tmp_path: Path) -> ModelVersion:
    return world.register(dora, tmp_path / "given")


@pytest.fixture
def policy(db: None):
    return release(POLICY)


def release(text: str):
    return rows.release(rows.person("pia"), rows.person("pat"), text.encode())


def request(by, version: ModelVersion, **changes: Any) -> Run:
    return commands.request_run(by=by, version=version, use=version.model.uses.get(), **changes)


def execute(run: Run, owner: str = "w1") -> Run | None:
    return commands.execute_run(by=WORKER, run_id=run.pk, owner=owner)


def payload(digest: str) -> dict[str, Any]:
    return json.loads(bytes(Statement.objects.get(pk=digest).payload))


def test_a_run_becomes_a_decision_with_evidence_for_each_gate(dora, version, policy) -> None:
    run = execute(request(dora, version))
    assert (run.state, run.cause, run.lease_until) == (RunState.DECIDED, "", None)
    assert run.decision.outcome == "pass"
    outcomes = {"performance.floor": "pass", "performance.better": "fail"}
    assert set(run.evidence.values_list("gate", flat=True)) == set(outcomes)
    assert {g["id"]: g["outcome"] for g in run.decision.document["gates"]} == outcomes
    assert {g["gate"]: g["outcome"] for g in run.progress} == outcomes
    assert (run.gates_done, run.gates_total) == (2, 2)


def test_the_number_is_that_of_the_data(dora, version, policy) -> None:
    """Positives 0.9, 0.8, 0.4 and negatives 0.7, 0.35, 0.2, 0.15, 0.1: 14 of 15 pairs in order."""
    run = execute(request(dora, version))
    values = [e.measurement["value"] for e in run.evidence.all()]
    assert values == [pytest.approx(14 / 15)] * 2


@SLOW
def test_each_fact_names_what_it_rests_on_by_digest(dora, version, policy) -> None:
    run = execute(request(dora, version))
    decision = payload(run.decision.statement_digest)["predicate"]
    named = {g["id"]: g["evidence"] for g in decision["gates"]}
    assert named == dict(run.evidence.values_list("gate", "statement_digest"))
    assert decision["policies"] == run.pinned["policies"]
    evidence = payload(named["performance.floor"])
    assert evidence["subject"][0]["digest"]["sha256"] == version.digest.removeprefix("sha256:")
    assert evidence["predicate"]["datasets"] == {"holdout": version.datasets.get().digest}
    assert "network" in evidence["predicate"]["walls"]


def test_what_happened_stands_in_the_trail(dora, version, policy) -> None:
    run = execute(request(dora, version))
    about = Event.objects.filter(object_id=str(run.pk)).order_by("occurred_at")
    assert list(about.values_list("action", flat=True)) == ["run.requested", "run.claimed", "run.decided"]
    for action, number in (("evidence.sealed", 2), ("decision.sealed", 1), ("cost.entered", 1)):
        assert Event.objects.filter(action=action).count() == number


@SLOW
def test_the_cost_is_that_of_the_child(dora, version, policy) -> None:
    run = execute(request(dora, version))
    entry = CostEntry.objects.get(run=run.pk)
    assert 0 < entry.cpu_seconds < 60
    assert 0 < entry.wall_seconds < 60
    assert entry.peak_memory_bytes > 10_000_000


def test_a_second_worker_finds_nothing_to_do(dora, version, policy) -> None:
    run = request(dora, version)
    assert execute(run) is not None
    assert execute(run, "w2") is None
    counts = (Decision.objects.count(), Evidence.objects.count(), CostEntry.objects.count())
    assert counts == (1, 2, 1)


def test_a_late_twin_fails_whole(dora, version, policy) -> None:
    run = request(dora, version)
    frozen = commands.claim(by=WORKER, run_id=run.pk, owner="frozen")
    policies = queries.pinned_policies(frozen)
    gates = gates_for(policies)
    found = measuring.measure_gates(frozen, gates, progress=lambda _: None, tick=lambda: None)
    Run.objects.filter(pk=run.pk).update(lease_until=Clock() - timedelta(seconds=1))
    assert execute(run, "w2").state == RunState.DECIDED
    before = (Event.objects.count(), Statement.objects.count(), Evidence.objects.count())
    with pytest.raises(Fenced):
        commands.decide_and_seal(by=WORKER, run=frozen, policies=policies, gates=gates, found=found)
    assert (Event.objects.count(), Statement.objects.count(), Evidence.objects.count()) == before
    assert Run.objects.get(pk=run.pk).owner == "w2"


def test_without_a_policy_the_decision_is_no(dora, version) -> None:
    run = execute(request(dora, version))
    assert (run.state, run.decision.outcome) == (RunState.DECIDED, "no_policy")
    assert run.evidence.count() == 0


def test_the_policies_of_the_request_decide_not_newer_ones(dora, version, policy) -> None:
    run = request(dora, version)
    release2 = POLICY.replace("1.0.0", "1.1.0").replace("0.70", "0.98")
    rows.release(rows.person("ada"), rows.person("bea"), release2.encode())
    assert execute(run).decision.outcome == "pass"
    assert execute(request(dora, version)).decision.outcome == "fail"


def test_monitoring_measures_the_named_data_set(dora, policy, tmp_path: Path) -> None:
    worse = {**world.MANY, "score": [-x for x in world.MANY["score"]]}
    version = world.register(dora, tmp_path / "m", {"holdout": world.MANY, "production": worse})
    assert execute(request(dora, version)).decision.outcome == "pass"
    run = execute(request(dora, version, purpose="monitoring", dataset="production"))
    assert run.decision.outcome == "fail"
    assert {e.dataset_digest for e in run.evidence.all()} == {version.datasets.get(name="production").digest}
    assert list(queries.monitoring_failures()) == [run.decision]
    assert queries.latest_decision(version, run.use).outcome == "pass"


def test_a_gate_whose_data_set_the_manifest_lacks_is_insufficient(dora, version) -> None:
    release(POLICY.replace("pass: {min: 0.70}", "with: {dataset: outoftime}, pass: {min: 0.70}"))
    run = execute(request(dora, version))
    assert (run.state, run.decision.outcome) == (RunState.DECIDED, "insufficient")
    assert any("outoftime" in note for e in run.evidence.all() for note in e.measurement["notes"])


def test_bytes_changed_in_the_store_end_the_run(dora, version, policy) -> None:
    run = request(dora, version)
    place = the_store().path(version.datasets.get().digest)
    place.chmod(0o600)
    place.write_bytes(place.read_bytes() + b"0.5,1,F,no\n")
    run = execute(run)
    assert run.state == RunState.ERRORED
    assert "were changed" in run.cause


def test_a_store_that_is_away_is_tried_again(dora, version, policy) -> None:
    run = request(dora, version)
    the_store().path(version.datasets.get().digest).unlink()
    run = execute(run)
    assert (run.state, run.attempt) == (RunState.QUEUED, 1)
    assert run.cause.startswith("The stored files are unavailable: The bytes sha256:")


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("bad_input", RunState.ERRORED),
        ("crashed", RunState.QUEUED),
        ("garbage", RunState.QUEUED),
        ("internal", RunState.QUEUED),
        ("timeout", RunState.QUEUED),
        ("resource", RunState.QUEUED),
    ],
)
def test_a_child_without_an_answer_is_never_a_pass(
    dora, version, policy, kind: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"status": "error", "kind": kind, "reason": "Measuring stopped.", "walls": {}}
    monkeypatch.setattr(measuring, "in_child", lambda *_, **__: answer)
    run = execute(request(dora, version))
    assert (run.state, run.cause) == (state, "Measuring stopped.")
    assert not Decision.objects.exists()


@SLOW
def test_a_run_that_takes_too_long_is_stopped(dora, version, policy, monkeypatch) -> None:
    monkeypatch.setattr(settings, "RUN_WALL_SECONDS", 1)
    monkeypatch.setattr("apps.engine.child.COMMAND", ("/bin/sleep", "30"))
    run = execute(request(dora, version))
    assert (run.state, run.lane) == (RunState.QUEUED, "heavy")
    assert "longer than 1 second" in run.cause


def test_a_budget_that_is_used_up_stops_the_run_before_it_starts(dora, version, policy) -> None:
    first = execute(request(dora, version))
    waiting = request(dora, version)
    entry = CostEntry.objects.get(run=first.pk)
    costs.enter(by=WORKER, run=waiting, usage=replace(measuring.Found.nothing().usage, cpu_seconds=1e6))
    month = entry.entered_at.date().replace(day=1)
    Budget.objects.create(unit_key="retail", month=month, amount="0.01", currency=entry.currency, set_by=dora)
    for _ in range(2):
        assert execute(waiting) is None
        Run.objects.filter(pk=waiting.pk).update(not_before=None)
    waiting.refresh_from_db()
    assert waiting.state == RunState.QUEUED
    assert waiting.cause.startswith("Waits: the budget of Retail for")
    assert Event.objects.filter(action="budget.refused").count() == 1
    Budget.objects.update(amount="1000")
    assert execute(waiting).cause == ""


def test_a_run_asked_for_beyond_the_budget_says_at_once_that_it_waits(dora, version, policy) -> None:
    first = CostEntry.objects.get(run=execute(request(dora, version)).pk)
    month = first.entered_at.date().replace(day=1)
    Budget.objects.create(unit_key="retail", month=month, amount="0.01", currency=first.currency, set_by=dora)
    costs.enter(by=WORKER, run=Run(version=version, pinned={}), usage=costs.Held(wall_seconds=1e6))
    assert request(dora, version).cause.startswith("Waits: the budget")


def test_expected_time_comes_from_earlier_runs(dora, version, policy) -> None:
    first = request(dora, version)
    assert first.expected_seconds is None
    took = execute(first)
    seconds = (took.finished_at - took.started_at).total_seconds()
    assert request(dora, version).expected_seconds == pytest.approx(seconds, abs=0.01)


def test_nothing_is_left_on_disk(dora, version, policy, state_folder: Path) -> None:
    execute(request(dora, version))
    assert list((state_folder / "files" / "runs").iterdir()) == []


@contextmanager
def elsewhere(work: Any) -> Iterator[dict[str, Any]]:
    """The work in a thread with a connection of its own."""
    found: dict[str, Any] = {}

    def main() -> None:
        try:
            found["answer"] = work()
        finally:
            connection.close()

    thread = threading.Thread(target=main)
    thread.start()
    try:
        yield found
    finally:
        thread.join(60)


def wait_for(run: Run, **wanted: Any) -> None:
    for _ in range(400):
        if Run.objects.filter(pk=run.pk, **wanted).exists():
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"{run} never had {wanted}")


@pytest.fixture
def committed(fresh_database: FreshDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A queued run in a database where commits are real, under a lease of one second."""
    monkeypatch.setattr(settings, "RUN_LEASE_SECONDS", 1)
    release(POLICY)
    dora = rows.person("dora", "developer")
    return request(dora, world.register(dora, tmp_path / "given"))


@SLOW
def test_the_lease_is_kept_while_the_child_works(committed: Run) -> None:
    with elsewhere(lambda: execute(committed)) as found:
        wait_for(committed, state=RunState.RUNNING)
        while Run.objects.get(pk=committed.pk).state == RunState.RUNNING:
            assert commands.take_back(by=WORKER) == 0
            threading.Event().wait(0.1)
    assert found["answer"].state == RunState.DECIDED
    assert Run.objects.get(pk=committed.pk).lost == 0


@SLOW
def test_cancelling_ends_the_child_and_all_that_it_started(
    committed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grandchildren too: the group of the child is ended within seconds."""
    monkeypatch.setattr("apps.engine.child.COMMAND", ("/bin/sh", "-c", "sleep 4242 & sleep 4242"))
    monkeypatch.setattr(settings, "RUN_LEASE_SECONDS", 60)
    began = time.monotonic()
    with elsewhere(lambda: execute(committed)) as found:
        wait_for(committed, state=RunState.RUNNING)
        commands.cancel(by=committed.requested_by, run=committed)
    assert found["answer"] is None
    assert time.monotonic() - began < 15
    assert Run.objects.get(pk=committed.pk).state == RunState.CANCELLED
    assert "4242" not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert not Decision.objects.exists()


@SLOW
def test_a_run_that_sleeps_for_ever_ends_with_its_children(dora, version, policy, monkeypatch) -> None:
    """F17: the wall limit; once more where there is more room, then errored, and nothing is left running."""
    monkeypatch.setattr(settings, "RUN_WALL_SECONDS", 1)
    monkeypatch.setattr("apps.engine.child.COMMAND", ("/bin/sh", "-c", "sleep 4343 & sleep 4343"))
    run = execute(request(dora, version))
    Run.objects.filter(pk=run.pk).update(not_before=None)
    run = execute(run)
    assert (run.state, run.attempt) == (RunState.ERRORED, 2)
    assert "longer than 1 second" in run.cause
    assert "4343" not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout


@SLOW
def test_a_run_whose_process_always_dies_is_given_up_and_others_are_not(dora, version, policy) -> None:
    """F16: three attempts, the alert, and the next run of the same lane is decided."""
    poison = request(dora, version)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("apps.engine.child.COMMAND", ("/bin/sh", "-c", "exit 3"))
        for _ in range(3):
            Run.objects.filter(pk=poison.pk).update(not_before=None)
            run = execute(poison)
    assert (run.state, run.attempt, run.lost) == (RunState.DEAD, 3, 0)
    assert Event.objects.filter(action="run.dead", object_id=str(run.pk)).count() == 1
    assert [one.pk for one in queue.dead_runs(dora)] == [run.pk]
    assert execute(request(dora, version, purpose="dry-run")).state == RunState.DECIDED
    assert not Decision.objects.filter(run=poison).exists()


@SLOW
def test_a_worker_that_is_told_to_stop_at_once_hands_its_run_over(committed: Run) -> None:
    owner = f"{socket.gethostname()}:{os.getpid()}:7"
    commands.claim(by=WORKER, run_id=committed.pk, owner=owner)
    tasks.hand_over(how="Cold")
    run = Run.objects.get(pk=committed.pk)
    assert (run.state, run.lost, run.attempt) == (RunState.QUEUED, 0, 0)


@SLOW
def test_a_worker_that_lost_its_run_stops_and_writes_nothing(
    committed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.engine.child.COMMAND", ("/bin/sleep", "30"))
    with elsewhere(lambda: execute(committed)) as found:
        wait_for(committed, state=RunState.RUNNING)
        Run.objects.filter(pk=committed.pk).update(lease_until=Clock() - timedelta(hours=1))
        taken = commands.claim(by=WORKER, run_id=committed.pk, owner="w2")
    assert found["answer"] is None
    row = Run.objects.get(pk=committed.pk)
    assert (row.owner, row.fence, row.state, taken.lost) == ("w2", 2, RunState.RUNNING, 1)
    assert not Evidence.objects.exists()
