from __future__ import annotations

import logging
import os
import socket
import threading
from functools import partial
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError, connection

from apps.audit.states import system
from apps.gates import commands
from apps.gates.presence import Voice
from apps.inventory.commands import give_back_conversions

WORKER = system("worker")
HAND_OVER_S = 10.0
_voices: list[Voice] = []
log = logging.getLogger(__name__)


@shared_task(name="apps.gates.tasks.execute")
def execute(run_id: str, lane: str = "") -> None:
    owner = f"{_worker(os.getppid())}:{os.getpid()}"
    if lane:
        commands.execute_next(by=WORKER, lane=lane, owner=owner)
    else:  # sent before messages named their lane
        commands.execute_run(by=WORKER, run_id=UUID(run_id), owner=owner)


@shared_task(name="apps.gates.tasks.measure_partition")
def measure_partition(partition_id: str) -> None:
    owner = f"{_worker(os.getppid())}:{os.getpid()}"
    commands.execute_partition(by=WORKER, partition_id=UUID(partition_id), owner=owner)


def _worker(parent: int) -> str:
    """A worker by its host and its main process, whose children do the work."""
    return f"{socket.gethostname()}:{parent}"


@worker_ready.connect
def come(sender: Any = None, **_: object) -> None:
    """From now on the worker is known to be here, for the queues that it takes from."""
    lanes, name = set(sender.app.amqp.queues.consume_from), _worker(os.getpid())
    note = partial(
        commands.note_worker, by=WORKER, name=name, lanes=lanes, processes=sender.controller.concurrency
    )
    _voices.append(Voice(note))
    _voices[-1].start()


@worker_shutdown.connect
def leave(**_: object) -> None:
    while _voices:
        _voices.pop().stop()
        try:
            commands.forget_worker(by=WORKER, name=_worker(os.getpid()))
        except DatabaseError as error:
            log.warning("the worker could not say that it leaves: %s", error)


@worker_shutting_down.connect
def hand_over(how: str = "Cold", **_: object) -> None:
    """SIGTERM leaves runs their time to end, SIGQUIT none; what is left then is taken up elsewhere at once.

    Whoever still works on such a run here notices within a second, stops and writes nothing.
    """
    patience = settings.RUN_DRAIN_SECONDS if how == "Warm" else 0
    thread = threading.Timer(patience, _give_back)
    thread.daemon = True
    thread.start()
    if not patience:
        thread.join(HAND_OVER_S)


def _give_back() -> None:
    """In a thread of its own, on a connection of its own: a signal interrupts anything."""
    try:
        owner = _worker(os.getpid())
        returned = commands.give_back(by=WORKER, owner=owner)
        returned += commands.give_back_partitions(by=WORKER, owner=owner)
        returned += give_back_conversions(by=WORKER, owner=owner)
        if returned:
            log.warning("%s pieces of work are handed over, for this worker is shut down", returned)
    except DatabaseError as error:
        log.warning("nothing could be handed over, the leases will run out: %s", error)
    finally:
        connection.close()
