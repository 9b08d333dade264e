from __future__ import annotations

from celery import shared_task

from apps.audit.states import system
from apps.deploys import commands


@shared_task(name="apps.deploys.tasks.answer")
def answer(question_id: int) -> None:
    commands.answer_question(by=system("worker"), question_id=question_id)


@shared_task(name="apps.deploys.tasks.read")
def read(integration_id: str) -> None:
    commands.read_registry(by=system("worker"), integration_id=integration_id)
