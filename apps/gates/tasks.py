from __future__ import annotations

import os
import socket
from uuid import UUID

from celery import shared_task
from celery.signals import worker_shutdown

from apps.audit.states import system
from apps.gates import commands

WORKER = system("worker")


@shared_task(name="apps.gates.tasks.execute")
def execute(run_id: str, lane: str = "") -> None:
    if lane:
        commands.execute_next(by=WORKER, lane=lane, owner=f"{_worker(os.getppid())}:{os.getpid()}")
    else:  # sent before messages named their lane
        commands.execute_run(by=WORKER, run_id=UUID(run_id), owner=f"{_worker(os.getppid())}:{os.getpid()}")


@shared_task(name="apps.gates.tasks.measure_partition")
def measure_partition(partition_id: str) -> None:
    owner = f"{_worker(os.getppid())}:{os.getpid()}"
    commands.execute_partition(by=WORKER, partition_id=UUID(partition_id), owner=owner)


def _worker(parent: int) -> str:
    """A worker by its host and its main process, whose children do the work."""
    return f"{socket.gethostname()}:{parent}"


@worker_shutdown.connect
def _shut_down(**_: object) -> None:
    """What its children still worked on is taken up elsewhere at once, not when the lease runs out."""
    commands.give_back(by=WORKER, owner=_worker(os.getpid()))
    commands.give_back_partitions(by=WORKER, owner=_worker(os.getpid()))
