"""Several at once, each with a connection of its own: exactly one wins."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from apps.audit.models import Event
from apps.audit.states import system
from apps.gates import commands
from apps.gates.commands import execution, leases
from apps.gates.models import Run
from tests.database import FreshDatabase
from tests.gates import rows

WORKER = system("worker")
pytestmark = pytest.mark.slow


def test_of_rival_claims_exactly_one_wins(fresh_database: FreshDatabase) -> None:
    owner = rows.person("dora")
    runs = [rows.run(owner, of=None) for _ in range(5)]
    start = threading.Barrier(4)

    def rival(name: str) -> list[bool]:
        try:
            start.wait()
            return [commands.claim(by=WORKER, run_id=run.pk, owner=name) is not None for run in runs]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(rival, "abcd"))
    assert [sum(column) for column in zip(*won, strict=True)] == [1] * 5
    assert set(Run.objects.values_list("fence", "state")) == {(1, "running")}
    assert Event.objects.filter(action="run.claimed").count() == 5


def test_of_two_equal_requests_at_once_one_run_comes(fresh_database: FreshDatabase) -> None:
    dora = rows.person("dora", "developer")
    version = rows.version(dora)
    use, start = rows.use(version.model), threading.Barrier(4)

    def ask(_: int) -> str:
        try:
            start.wait()
            return str(commands.request_run(by=dora, version=version, use=use).pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(ask, range(4)))
    assert found == {str(Run.objects.get().pk)}
    assert Event.objects.filter(action="run.requested").count() == 1


def test_a_deadlock_while_sealing_is_tried_again(
    fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, real, left = rows.run(rows.person("dora")), execution.decide_and_seal, [1, 2]

    def deadlocked(**given: Any) -> Run:
        if left:
            raise OperationalError("deadlock detected") from psycopg.errors.DeadlockDetected(str(left.pop()))
        return real(**given)

    monkeypatch.setattr(execution, "decide_and_seal", deadlocked)
    done = commands.execute_run(by=WORKER, run_id=run.pk, owner="w1")
    assert (done.state, done.decision.outcome, left) == ("decided", "no_policy", [])


def test_a_worker_waits_for_a_database_that_starts_again(
    fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, real, left = rows.run(rows.person("dora")), leases.claim_next, [1, 2]

    def away(**given: Any) -> Run | None:
        if left:
            left.pop()
            raise OperationalError("the database system is starting up")
        return real(**given)

    monkeypatch.setattr(leases, "claim_next", away)
    monkeypatch.setattr(execution, "AWAY", (0.0, 0.0, 0.0))
    done = commands.execute_next(by=WORKER, lane="quick", owner="h:1:2")
    assert (done.pk, done.state, left) == (run.pk, "decided", [])


def test_a_database_that_went_away_is_no_failure_of_the_run(
    fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = rows.run(rows.person("dora"))

    def gone(**given: Any) -> Run:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(execution, "decide_and_seal", gone)
    with pytest.raises(OperationalError):
        commands.execute_run(by=WORKER, run_id=run.pk, owner="w1")
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("running", 0)
