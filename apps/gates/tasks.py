from __future__ import annotations

import os
import socket
from uuid import UUID

from celery import shared_task

from apps.audit.states import system
from apps.gates import commands


@shared_task(name="apps.gates.tasks.execute")
def execute(run_id: str) -> None:
    owner = f"{socket.gethostname()}:{os.getpid()}"
    commands.execute_run(by=system("worker"), run_id=UUID(run_id), owner=owner)
