"""Messages to the workers: a delivery waits. One may be lost; the relay sends another."""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

from celery import current_app
from django.db import transaction

TASK = "apps.notices.tasks.deliver"
log = logging.getLogger(__name__)


def send(delivery_id: UUID) -> bool:
    """Tell the workers; False, and a line in the log, when the broker is away."""
    try:
        current_app.send_task(TASK, args=[str(delivery_id)], queue="quick", retry=False, ignore_result=True)
    except Exception as error:  # every broker has its own; the relay is the guarantee
        log.warning("delivery %s waits for the relay: the broker took no message (%s)", delivery_id, error)
        return False
    return True


def send_after_commit(delivery_id: UUID) -> None:
    """The same, once its row is there for everybody."""
    transaction.on_commit(partial(send, delivery_id))
