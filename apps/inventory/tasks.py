from __future__ import annotations

import os
import socket
from uuid import UUID

from celery import shared_task

from apps.audit.states import system
from apps.inventory import commands

WORKER = system("worker")


@shared_task(name="apps.inventory.tasks.convert")
def convert(job_id: str) -> None:
    owner = f"{socket.gethostname()}:{os.getppid()}:{os.getpid()}"
    commands.execute_conversion(by=WORKER, job_id=UUID(job_id), owner=owner)
