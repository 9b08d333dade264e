"""Workers that say they are here: known while they have nothing to do, gone soon after they fall silent."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError
from prometheus_client import generate_latest

from apps.audit.states import system
from apps.deploys.watching.numbers import Collector, idle_share, workers
from apps.gates import commands, tasks
from apps.gates.clock import database_now
from apps.gates.models import Partition, Presence
from apps.gates.presence import Voice, lanes_served
from apps.gates.queue import why_waits
from tests.gates import rows

pytestmark = pytest.mark.django_db
WORKER = system("worker")


def here(name: str = "h1:10", lanes: tuple[str, ...] = ("heavy", "quick"), processes: int = 2) -> None:
    commands.note_worker(by=WORKER, name=name, lanes=lanes, processes=processes)


def silent(**ago: float) -> None:
    Presence.objects.update(seen_at=database_now() - timedelta(**ago))


def test_an_idle_worker_stands_with_its_lanes() -> None:
    here()
    (found,) = workers()
    assert (found.name, found.lanes, found.processes) == ("h1:10", ("heavy", "quick"), 2)
    assert (found.here, found.running, lanes_served()) == (True, 0, {"heavy", "quick"})


def test_one_that_falls_silent_is_gone_and_forgotten_after_a_day() -> None:
    here()
    silent(minutes=2)
    assert ([w.here for w in workers()], lanes_served()) == ([False], set())
    silent(hours=25)
    here("h2:7")
    assert [w.name for w in workers()] == ["h2:7"]


def test_one_that_leaves_is_not_here_any_more() -> None:
    here()
    here("h2:7", lanes=("gpu",))
    commands.forget_worker(by=WORKER, name="h1:10")
    assert [w.name for w in workers()] == ["h2:7"]


def test_its_runs_are_its_own_and_not_another_row() -> None:
    here()
    run = rows.run(rows.person("dora"))
    commands.claim(by=WORKER, run_id=run.pk, owner="h1:10:11")
    assert [(w.name, w.running) for w in workers()] == [("h1:10", 1)]


def test_the_idle_share_counts_processes_for_the_time_that_they_are_here() -> None:
    assert idle_share() is None
    here(processes=4)
    Presence.objects.update(begun_at=database_now() - timedelta(minutes=30))
    assert idle_share() == 1.0


def test_whoever_sums_up_a_partition_is_at_work_and_not_idle() -> None:
    here(processes=1)
    hour = database_now() - timedelta(hours=1)
    Presence.objects.update(begun_at=hour)
    run = rows.run(rows.person("dora"))
    half = database_now() - timedelta(minutes=30)
    row = Partition.objects.create(run=run, dataset="holdout", number=0, parts={}, lane="heavy")
    until = database_now() + timedelta(hours=1)
    Partition.objects.filter(pk=row.pk).update(
        state="running", started_at=half, lease_until=until, owner="h1:10:11"
    )
    assert workers()[0].running == 1
    assert idle_share() == pytest.approx(0.5, abs=0.02)
    told = generate_latest(SimpleNamespace(collect=Collector().collect)).decode()
    assert 'countersign_partitions{lane="heavy",state="running"} 1.0' in told


def test_a_run_does_not_complain_of_a_lane_that_is_served() -> None:
    run = rows.run(rows.person("dora"))
    assert why_waits(run).why.startswith("No worker of the lane quick")
    here()
    assert why_waits(run).why == "Is next, as soon as a worker is free."


def test_a_worker_that_comes_and_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Voice] = []
    monkeypatch.setattr(Voice, "start", lambda voice: said.append(voice))
    monkeypatch.setattr(Voice, "stop", lambda voice: said.remove(voice))
    queues = SimpleNamespace(consume_from={"gpu": None})
    app = SimpleNamespace(amqp=SimpleNamespace(queues=queues))
    tasks.come(sender=SimpleNamespace(app=app, controller=SimpleNamespace(concurrency=1)))
    said[0]._say()
    assert workers()[0].name.endswith(f":{os.getpid()}")
    tasks.leave()
    assert (said, workers()) == ([], [])


def test_a_database_that_is_away_does_not_silence_it_for_ever() -> None:
    calls, enough = [], threading.Event()

    def say() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise DatabaseError("away")
        enough.set()

    voice = Voice(say, every=0.01)
    voice.start()
    assert enough.wait(5)
    voice.stop()
