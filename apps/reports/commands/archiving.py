"""Making complete reports last: what verifying them needs goes into the file, under a stamp of the whole."""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import current_app
from django.db import transaction
from django.utils import timezone

from apps.approvals.models import Approval
from apps.audit import commands as audit
from apps.audit import timestamps
from apps.audit.events import EventName
from apps.audit.states import Acting, Ref
from apps.inventory.commands import keep_made
from apps.reports import certificates, guards, pades, queries
from apps.reports.models import Report, ReportArchive

ARCHIVE = "https://countersign.dev/report-archive/v1"
TASK = "apps.reports.tasks.archive"
AGAIN_AFTER = timedelta(days=365)
log = logging.getLogger(__name__)


def archive_report(*, by: Acting, report: Report) -> ReportArchive | None:
    """Add the certificates, the revocation list and a stamp of the whole file; yearly once more.

    None where the newest stamp is younger than a year. Unreachable while no stamp can be had.
    """
    guards.archivable(report)
    if _fresh(report):
        return None
    before = queries.newest_blob(report)
    archived = pades.archive(
        queries.report_pdf(report),
        certificates=[certificates.authority_pem(), *timestamps.certificates()],
        lists=[certificates.revocation_list()],
    )
    return _keep(by, report, before.digest, archived)


def _fresh(report: Report) -> bool:
    return report.archives.filter(stamped_at__gte=timezone.now() - AGAIN_AFTER).exists()


@transaction.atomic
def _keep(by: Acting, report: Report, before: str, archived: bytes) -> ReportArchive | None:
    if report.approval_id is not None:
        Approval.objects.select_for_update(of=("self",)).get(pk=report.approval_id)
    if _fresh(report):
        return None
    newest = queries.newest_blob(report)
    guards.shows_newest(newest, before)
    after, stamped = keep_made(by=by, data=archived, media="application/pdf"), pades.newest_stamp(archived)
    position = report.archives.count() + 1
    said = {"report": str(report.pk), "before": before, "after": after.digest, "position": position}
    statement = audit.seal(
        by=by,
        predicate_type=ARCHIVE,
        subjects=[Ref(type="report", id=str(report.pk), name=str(report), digest=after.digest)],
        predicate={**said, "stampedAt": stamped},
        event=EventName.REPORT_ARCHIVED,
    )
    return ReportArchive.objects.create(
        report=report,
        position=position,
        before=newest,
        after=after,
        stamped_at=stamped,
        statement_digest=statement.digest,
    )


def archive_due(*, by: Acting) -> int:
    """Send word of every complete report that is not archived, or not for a year; how many were sent."""
    return sum(_send(report) for report in queries.archivable(timezone.now() - AGAIN_AFTER)[:100])


def _send(report: Report) -> bool:
    told = {"queue": "heavy", "retry": False, "ignore_result": True, "expires": 300.0}
    try:
        current_app.send_task(TASK, args=[str(report.pk)], **told)
    except Exception as error:  # every broker has its own; the next sweep tries again
        log.warning("the archive of %s waits for the sweep (%s)", report.pk, error)
        return False
    return True
