"""Celery as it comes: tasks that are acknowledged at once and do next to nothing."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery

# Not the current application: whoever collects the tests imports this, and the service sends through its own.
app = Celery("plain", broker=os.environ.get("PLAIN_BROKER", "memory://"), set_as_current=False)
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 1
app.conf.task_default_queue = "plain"


@app.task(name="plain.touch")
def touch(path: str) -> None:
    """One byte more: how whoever waits counts."""
    with Path(path).open("ab") as file:
        file.write(b".")
