from __future__ import annotations

from celery import shared_task

from apps.approvals.models import Approval
from apps.audit.states import system
from apps.reports import commands
from apps.reports.models import Report, ReportRequest, SigningAct


@shared_task(name="apps.reports.tasks.make")
def make(approval_id: str) -> None:
    commands.make_report(by=system("worker"), approval=Approval.objects.get(pk=approval_id))


@shared_task(name="apps.reports.tasks.complete_signing")
def complete_signing(act_id: int) -> None:
    commands.complete_signing(by=system("worker"), act=SigningAct.objects.get(pk=act_id))


@shared_task(name="apps.reports.tasks.archive")
def archive(report_id: str) -> None:
    commands.archive_report(by=system("worker"), report=Report.objects.get(pk=report_id))


@shared_task(name="apps.reports.tasks.make_document")
def make_document(request_id: str) -> None:
    commands.make_document(by=system("worker"), request=ReportRequest.objects.get(pk=request_id))
