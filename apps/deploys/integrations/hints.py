"""Messages to the workers: a question waits, a registry is due. One may be lost; the relay sends another."""

from __future__ import annotations

import logging
from functools import partial

from celery import current_app
from django.db import transaction

TASK, READ, LANE = "apps.deploys.tasks.answer", "apps.deploys.tasks.read", "quick"
log = logging.getLogger(__name__)


def send(key: object, *, task: str = TASK) -> bool:
    """Tell the workers that something waits; False when the broker is away."""
    told = key if isinstance(key, int) else str(key)
    try:
        current_app.send_task(task, args=[told], queue=LANE, retry=False, ignore_result=True)
    except Exception as error:  # every broker has its own; the relay is the guarantee
        log.warning("%s of %s waits for the relay: the broker took no message (%s)", task, told, error)
        return False
    return True


def send_after_commit(key: object, *, task: str = TASK) -> None:
    """Once it is there to be found."""
    transaction.on_commit(partial(send, key, task=task))
