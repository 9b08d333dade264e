from __future__ import annotations

from uuid import UUID

from celery import shared_task

from apps.audit.states import system
from apps.notices import commands


@shared_task(name="apps.notices.tasks.deliver")
def deliver(delivery_id: str) -> None:
    commands.deliver(by=system("notices"), delivery_id=UUID(delivery_id))
