"""Several at once, on real connections with real commits."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from apps.audit.anchors import anchor_file
from apps.audit.commands import move, record, register_key
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.fsck import examine
from apps.audit.models import Checkpoint, Event, Leaf, Pending, SigningKey
from apps.engine.keys import Purpose
from tests.audit.people import ADA, MODEL, RELAY
from tests.audit.ticket import MOVES, Ticket
from tests.database import FreshDatabase

pytestmark = pytest.mark.slow


def together(work: Callable[[int], object], count: int) -> list[object]:
    """Run `work` in threads that all start at once; give back what each returned or raised."""
    gate, found = threading.Barrier(count), [None] * count

    def one(number: int) -> None:
        gate.wait()
        try:
            found[number] = work(number)
        except Exception as error:
            found[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


@pytest.fixture
def ticket(fresh_database: FreshDatabase) -> Ticket:
    from apps.audit.sql import lifecycle

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE cs_owner")
        cursor.execute("CREATE TABLE scratch_ticket (id bigserial PRIMARY KEY, state text, worker text)")
        cursor.execute(str(lifecycle("scratch_ticket", "state", MOVES).sql))
    return Ticket.objects.create()


def test_of_eight_rival_moves_exactly_one_happens(ticket):
    seen = [Ticket.objects.get() for _ in range(8)]

    def claim(number: int) -> Ticket:
        to = ("held", "closed")[number % 2]
        return move(seen[number], to, by=ADA, event=EventName.RUN_CLAIMED, worker=str(number))

    found = together(claim, 8)
    won = [f for f in found if isinstance(f, Ticket)]
    lost = [f for f in found if isinstance(f, Refused)]
    assert len(won) == 1
    assert len(lost) == 7
    assert Ticket.objects.get().worker == won[0].worker
    assert Event.objects.count() == 1


def test_rival_first_users_agree_on_one_key(fresh_database):
    found = together(lambda _: register_key(by=RELAY, purpose=Purpose.STATEMENT).key_id, 6)
    assert len(set(found)) == 1
    assert SigningKey.objects.get().key_id == found[0]


class Service:
    """Sequencers as processes of their own."""

    def __init__(self, database: FreshDatabase) -> None:
        self._environment = database.environment() | {
            "COUNTERSIGN_DATABASE_ROLE": "sequencer",
            "COUNTERSIGN_STATE": str(settings.STATE),
        }
        self.running: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "sequence", *words],
            env=self._environment,
            cwd=Path(settings.BASE_DIR),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.append(process)
        return process

    def stop(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate(timeout=20)


@pytest.fixture
def service(fresh_database: FreshDatabase) -> Iterator[Service]:
    register_key(by=RELAY, purpose=Purpose.CHECKPOINT)
    found = Service(fresh_database)
    yield found
    found.stop()


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)


def write(count: int) -> None:
    for _ in range(count):
        record(by=RELAY, action=EventName.MODEL_CHANGED, subject=MODEL)


def all_published() -> bool:
    newest = Checkpoint.objects.first()
    return not Pending.objects.exists() and newest is not None and newest.size == Event.objects.count()


def test_events_are_in_a_signed_tree_within_a_second(service):
    service.start()
    eventually(all_published)
    began = time.monotonic()
    write(20)
    eventually(all_published)
    assert time.monotonic() - began < 2
    assert not examine(anchor_file()).problems


def test_sigterm_ends_it_with_everything_signed(service):
    process = service.start()
    eventually(all_published)
    write(3)
    eventually(lambda: not Pending.objects.exists())
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert all_published()


def test_two_sequencers_work_as_one_and_the_second_takes_over(service):
    first = service.start()
    eventually(all_published)
    second = service.start()
    together(lambda _: write(25), 4)
    eventually(all_published)
    first.kill()
    write(10)
    eventually(all_published)
    assert second.poll() is None
    assert list(Leaf.objects.order_by("idx").values_list("idx", flat=True)) == list(range(111))
    assert not examine(anchor_file()).problems


def test_killed_at_any_moment_it_goes_on_without_gap_or_double(service):
    stop = threading.Event()
    writers = [threading.Thread(target=_write_until, args=(stop,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for pause in (0.9, 1.1, 0.95, 1.3):
        process = service.start()
        time.sleep(pause)
        process.kill()
    stop.set()
    for writer in writers:
        writer.join(10)
    service.start()
    eventually(all_published)
    count = Event.objects.count()
    assert list(Leaf.objects.order_by("idx").values_list("idx", flat=True)) == list(range(count))
    assert not examine(anchor_file()).problems


def _write_until(stop: threading.Event) -> None:
    try:
        while not stop.is_set():
            write(1)
            time.sleep(0.005)
    finally:
        connection.close()


def test_it_outlives_the_loss_of_its_connection(service, fresh_database):
    process = service.start()
    eventually(all_published)
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE cs_seq")
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cs_seq'")
        cursor.execute("RESET ROLE")
    write(2)
    eventually(all_published)
    assert process.poll() is None


def test_a_file_that_is_ahead_ends_the_process_with_a_sentence(service):
    service.start("--once").wait(20)
    line = json.loads(anchor_file().path.read_text())
    line["note"] = line["note"].replace("\n1\n", "\n7\n")
    with anchor_file().path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    said, _ = service.start().communicate(timeout=20)
    assert service.running[-1].returncode == 1
    assert "events 1 to 6 are lost. Nothing is signed" in said
    assert "Traceback" not in said
