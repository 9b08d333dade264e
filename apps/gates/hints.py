"""Messages to the workers. A message carries an id and may be lost: the relay sends another."""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction

TASK = "apps.gates.tasks.execute"
PARTITION_TASK = "apps.gates.tasks.measure_partition"
log = logging.getLogger(__name__)


def send(run_id: UUID, lane: str) -> bool:
    """Tell the workers of a lane that a run waits; False, and a line in the log, when the broker is away."""
    try:
        current_app.send_task(
            TASK, args=[str(run_id), str(lane)], queue=lane, retry=False, ignore_result=True
        )
    except Exception as error:  # every broker has its own; the relay is the guarantee
        log.warning("run %s waits for the relay: the broker took no message (%s)", run_id, error)
        return False
    return True


def send_partition(partition_id: UUID, lane: str) -> bool:
    """Tell the workers of a lane that a partition waits; False when the broker is away."""
    try:
        current_app.send_task(
            PARTITION_TASK, args=[str(partition_id)], queue=lane, retry=False, ignore_result=True
        )
    except Exception as error:
        log.warning("partition %s waits for the relay: the broker took no message (%s)", partition_id, error)
        return False
    return True


def send_after_commit(run_id: UUID, lane: str) -> None:
    transaction.on_commit(partial(send, run_id, lane))
