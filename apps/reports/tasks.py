from __future__ import annotations

from celery import shared_task

from apps.approvals.models import Approval
from apps.audit.states import system
from apps.reports import commands


@shared_task(name="apps.reports.tasks.make")
def make(approval_id: str) -> None:
    commands.make_report(by=system("worker"), approval=Approval.objects.get(pk=approval_id))
