"""What the queue costs: small runs a minute, a run of no gates beside a plain task, a killed worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from apps.gates import commands as gates
from apps.gates.models import PolicyRelease, Run
from apps.gates.states import ENDED, RunState
from apps.inventory.models import ModelVersion
from tests import factories
from tests.bench.measuring import ROOT, duration, median, named, times
from tests.bench.table import Line, Table
from tests.chaos.schedule import _working
from tests.chaos.whole import LEASE_S, Whole, patient, whole
from tests.flows import bank

pytestmark = pytest.mark.bench
PART = "What the queue costs"
SMALL, EMPTY, PLAIN, KILLS = 12, 40, 200, 3


@pytest.fixture(scope="module")
def service(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Whole]:
    with django_db_blocker.unblock(), whole("valkey") as found:
        yield found


def asked(service: Whole, times_: int) -> list[str]:
    """Runs under keys of their own, asked for where the workers hear of them at once."""
    version = ModelVersion.objects.get(label=service.labels[0])
    by, use = factories.developer(), bank.use_of(version)
    runs = [
        gates.request_run(by=by, version=version, use=use, key=os.urandom(8).hex()) for _ in range(times_)
    ]
    Run.objects.filter(pk__in=[run.pk for run in runs]).update(published_at=None, hints=0)
    return [str(run.pk) for run in runs]


def seconds_until_decided(service: Whole, ids: list[str]) -> float:
    began, left = time.perf_counter(), Run.objects.filter(pk__in=ids).exclude(state__in=ENDED)
    service.stack.until(lambda: not patient(left.exists), patience=300)
    assert set(Run.objects.filter(pk__in=ids).values_list("state", flat=True)) == {RunState.DECIDED}
    return time.perf_counter() - began


@contextmanager
def plain_worker(service: Whole) -> Iterator[str]:
    broker = f"redis+socket://{service.stack.installation.places.valkey_socket}"
    environment = os.environ | {"PLAIN_BROKER": broker}
    words = ("--queues", "plain", "--concurrency", "1", "--loglevel", "ERROR", "--without-gossip")
    command = [sys.executable, "-m", "celery", "--app", "tests.bench.plain_celery", "worker", *words]
    worker = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield broker
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)


def wait(condition: Callable[[], bool], patience: float = 120) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def plain_seconds(service: Whole, folder: Path) -> float:
    """The seconds that one worker of plain Celery takes for a task."""
    from tests.bench.plain_celery import app

    done = folder / "done"
    done.touch()
    with plain_worker(service) as broker:
        app.conf.broker_url = broker
        app.send_task("plain.touch", args=[str(done)])
        wait(lambda: done.stat().st_size == 1)
        began = time.perf_counter()
        for _ in range(PLAIN):
            app.send_task("plain.touch", args=[str(done)])
        wait(lambda: done.stat().st_size == PLAIN + 1)
        return (time.perf_counter() - began) / PLAIN


def test_small_runs_a_minute(table: Table, service: Whole) -> None:
    seconds_until_decided(service, asked(service, 2))  # everything is loaded
    took = seconds_until_decided(service, asked(service, SMALL))
    table.add(
        Line(
            part=PART,
            what="runs of one small gate, one worker process, each measured in a child of its own",
            ours=f"{60 * SMALL / took:,.0f} a minute",
            goal="told",
        )
    )


def test_a_run_beside_a_plain_task(table: Table, service: Whole, tmp_path: Path) -> None:
    """Without gates nothing is measured: claim, turn, decision, statement, cost, events and log are left."""
    plain = plain_seconds(service, tmp_path)
    version = ModelVersion.objects.get(label=service.labels[0])
    assert PolicyRelease.objects.exists()
    runs = [str(run.pk) for run in _without_gates(version)]
    ours = seconds_until_decided(service, runs) / EMPTY
    table.add(
        Line(
            part=PART,
            what="a run without gates, from the queue to its sealed decision, one worker process",
            ours=duration(ours),
            peer=f"a task that does nothing, {named('celery')}, same broker",
            theirs=duration(plain),
            ratio=times(plain / ours),
            goal="told",
        )
    )


def _without_gates(version: ModelVersion) -> list[Run]:
    by, use = factories.developer(), bank.use_of(version)
    found = [
        gates.request_run(by=by, version=version, use=use, key=os.urandom(8).hex()) for _ in range(EMPTY)
    ]
    mine = Run.objects.filter(pk__in=[run.pk for run in found])
    pinned = found[0].pinned | {"policies": []}
    mine.update(pinned=pinned, progress=[], gates_total=0, published_at=None, hints=0)
    return found


def test_recovery_from_a_killed_worker(table: Table, service: Whole) -> None:
    found = []
    for _ in range(KILLS):
        ids = asked(service, 1)
        child = _working(30)
        assert child is not None
        os.kill(child, signal.SIGKILL)
        found.append(seconds_until_decided(service, ids))
    took = median(found)
    table.add(
        Line(
            part=PART,
            what=f"from kill -9 of a process at work to the sealed decision, lease of {LEASE_S} s",
            ours=duration(took),
            goal=f"≤ lease + 5 s = {LEASE_S + 5} s",
            met="yes" if took <= LEASE_S + 5 else "no",
        )
    )
