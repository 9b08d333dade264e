"""Messages to the workers: a question waits. One may be lost; the relay sends another."""

from __future__ import annotations

import logging
from functools import partial

from celery import current_app
from django.db import transaction

TASK, LANE = "apps.deploys.tasks.answer", "quick"
log = logging.getLogger(__name__)


def send(question_id: int) -> bool:
    """Tell the workers that a question waits; False when the broker is away."""
    try:
        current_app.send_task(TASK, args=[question_id], queue=LANE, retry=False, ignore_result=True)
    except Exception as error:  # every broker has its own; the relay is the guarantee
        log.warning("question %s waits for the relay: the broker took no message (%s)", question_id, error)
        return False
    return True


def send_after_commit(question_id: int) -> None:
    """Once the question is there to be found."""
    transaction.on_commit(partial(send, question_id))
