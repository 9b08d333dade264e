"""F09 and F10: the sequencer is killed in the middle of its work; two of them are started."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from apps.audit.commands import record
from apps.audit.events import EventName
from apps.audit.models import Checkpoint, Event, Leaf, Pending
from tests.audit.people import MODEL, RELAY
from tests.bench.measuring import ROOT
from tests.database import FreshDatabase

pytestmark = pytest.mark.slow
SLOW = pytest.mark.skipif(
    "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
)


@contextmanager
def sequencer(database: FreshDatabase, state: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = database.environment() | {
        "COUNTERSIGN_DATABASE_ROLE": "sequencer",
        "COUNTERSIGN_STATE": str(state),
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sequence"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool], patience: float = 40) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gapless() -> None:
    """Every event has its place, none has two, and the whole log verifies."""
    indexes = list(Leaf.objects.order_by("idx").values_list("idx", flat=True))
    assert indexes == list(range(len(indexes)))
    assert Leaf.objects.count() == Event.objects.count() == Leaf.objects.values("event").distinct().count()
    call_command("audit_fsck", verbosity=0)


def grow(count: int, *, pause: float = 0) -> None:
    for _ in range(count):
        record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)
        time.sleep(pause)


def test_f10_a_second_sequencer_waits_and_takes_over(log, fresh_database, state_folder):
    with sequencer(fresh_database, state_folder) as first:
        log.grow(3)
        until(lambda: not Pending.objects.exists())
        with sequencer(fresh_database, state_folder) as second:
            log.grow(3)
            until(lambda: not Pending.objects.exists())
            first.send_signal(signal.SIGKILL)
            first.wait()
            log.grow(3)
            until(lambda: not Pending.objects.exists())
            size = Event.objects.count()
            until(lambda: Checkpoint.objects.filter(size=size).exists())
            assert second.poll() is None
    gapless()


@SLOW
def test_f09_kills_in_the_middle_of_batches_lose_and_double_nothing(log, fresh_database, state_folder):
    chance, done = random.Random(9), threading.Event()  # noqa: S311 - a schedule, no secret

    def write() -> None:
        grow(600, pause=0.01)
        connection.close()
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    kills = 0
    while not done.is_set() or kills < 6:
        with sequencer(fresh_database, state_folder) as process, ExitStack():
            before = Leaf.objects.count()
            until(lambda: Leaf.objects.count() > before or done.is_set())  # noqa: B023
            time.sleep(chance.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    writer.join()
    with sequencer(fresh_database, state_folder):
        until(lambda: not Pending.objects.exists())
        size = Event.objects.count()
        until(lambda: Checkpoint.objects.filter(size=size).exists())
    gapless()


@SLOW
def test_time_to_inclusion_at_500_events_a_second(log, fresh_database, state_folder):
    """From the commit of an event to its place in the log; the goal is a second for 99 of 100."""
    with sequencer(fresh_database, state_folder):
        log.grow(1)
        until(lambda: not Pending.objects.exists())
        began, waits = time.monotonic(), []
        for number in range(2_000):
            record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)
            time.sleep(max(0.0, began + number / 500 - time.monotonic()))
            if number % 50 == 0:
                newest, at = Event.objects.latest("recorded_at"), time.monotonic()
                until(lambda: Leaf.objects.filter(event=newest).exists())  # noqa: B023
                waits.append(time.monotonic() - at)
    waits.sort()
    assert waits[int(len(waits) * 0.99)] <= 1.0
