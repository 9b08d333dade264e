"""Reports as the person may see them, their newest bytes, and whether their signatures hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, prefetch_related_objects

from apps.access.models import Person
from apps.access.queries import grants_of, visible_models
from apps.access.states import Permission, Scope, roles_with
from apps.approvals.models import Approval
from apps.approvals.queries import LIVE, steps_of
from apps.approvals.states import ApprovalState
from apps.audit.errors import NotFound
from apps.inventory import store
from apps.inventory.models import Blob
from apps.reports.docx import docx
from apps.reports.models import (
    CertificateRevocation,
    Report,
    ReportArchive,
    ReportChart,
    ReportRequest,
    ReportSignature,
    SigningAct,
)
from apps.reports.pades import attached
from apps.reports.states import Standing


@dataclass(frozen=True, slots=True)
class Seat:
    """A place for one signature in a report: its field's name and the role it is for."""

    name: str
    role: str


def seat_list(approval: Approval) -> list[Seat]:
    """One seat for each person that the review's steps ask for, in the roles that sign reports."""
    return list(_seats(approval))


def _seats(approval: Approval) -> Iterator[Seat]:
    signing = roles_with(Permission.REPORT_SIGN)
    for step in steps_of(approval):
        if step["role"] not in signing:
            continue
        for number in range(1, step["quorum"] + 1):
            yield Seat(f"{step['id']}-{number}", step["role"])


def seats(approval: Approval) -> list[str]:
    """The names of the signature fields."""
    return [seat.name for seat in seat_list(approval)]


def visible_reports(by: Person) -> QuerySet[Report]:
    """Every report of a model that the person may see."""
    many = Q(version=None, made_by_id=by.pk)
    if grants_of(by, Permission.EVENT_SEE).filter(scope=Scope.ORGANISATION).exists():
        many |= Q(version=None)
    rows = Report.objects.filter(Q(version__model__in=visible_models(by)) | many)
    return rows.select_related("version__model", "approval", "decision__use", "blob")


def find_report(by: Person, report_id: UUID) -> Report:
    """One report, or NotFound."""
    row = visible_reports(by).filter(pk=report_id).first()
    if row is None:
        raise NotFound(f"There is no report {report_id}.")
    return row


def read_whole(report: Report) -> Report:
    """The report with its signatures and archives read at once, for a page that asks for them many times."""
    archives = ReportArchive.objects.select_related("after")
    signatures = ReportSignature.objects.select_related("after", "person")
    read = (Prefetch("archives", archives), Prefetch("signatures", signatures))
    prefetch_related_objects([report], *read)
    return report


def report_of(approval: Approval) -> Report | None:
    """The report on the decision that the approval now rests on."""
    return Report.objects.filter(approval=approval, decision=approval.decision).first()


def awaited_reports() -> QuerySet[Approval]:
    """Reviews under way or granted whose report on their present decision is not there."""
    rows = Approval.objects.filter(state__in=[*LIVE, ApprovalState.GRANTED])
    made = Report.objects.filter(approval=OuterRef("pk"), decision=OuterRef("decision"))
    return rows.filter(~Exists(made)).order_by("opened_at")


def latest_report(approval: Approval) -> Report | None:
    """The newest report of an approval."""
    return approval.reports.select_related("blob").first()


def evidence_digests(approval: Approval) -> dict[str, str]:
    """The statement of each gate's evidence."""
    rows = approval.decision.run.evidence.order_by("id")
    return dict(rows.values_list("gate", "statement_digest"))


def newest_blob(report: Report) -> Blob:
    """The bytes after the last signature or stamp of the archive, or as made."""
    archives, signatures = list(report.archives.all()), list(report.signatures.all())
    if archives:
        return archives[-1].after
    return signatures[-1].after if signatures else report.blob


def waiting_requests() -> QuerySet[ReportRequest]:
    """Reports that were asked for and are neither there nor refused, oldest first."""
    return ReportRequest.objects.filter(report=None, refusal=None).order_by("asked_at")


def asked_by(by: Person) -> list[ReportRequest]:
    """The newest reports that a person asked for, with what became of them."""
    return list(
        ReportRequest.objects.filter(person=by).select_related("report", "refusal", "version__model")[:50]
    )


def report_page(report: Report) -> bytes:
    """The report as a page, where its kind has one."""
    if report.page is None:
        raise NotFound("This report has no page; it is a PDF only.")
    with store.open(report.page.digest) as file:
        return file.read()


def report_docx(report: Report) -> bytes:
    """The report as an editable copy, from the content that the sealed PDF carries."""
    if report.page_id is None:
        raise NotFound("This report has no editable copy; it is a PDF only.")
    with store.open(report.blob_id) as file:
        content = json.loads(attached(file.read()))
    return docx(content, digest=report.blob_id)


def file_name(report: Report, extension: str = "pdf") -> str:
    """What the file is called when somebody takes it home: plain letters only."""
    about = f"{report.version.model.key}-{report.version.label}-" if report.version is not None else ""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{about}{report.kind}-{report.made_at:%Y-%m-%d}")
    return f"{plain}.{extension}"


def waiting_acts() -> QuerySet[SigningAct]:
    """Agreements to sign that have led neither to a signature nor to an end, oldest first."""
    rows = SigningAct.objects.filter(signature=None, end=None)
    return rows.select_related("report__version__model", "report__approval", "person", "before")


def waiting_act(report: Report) -> SigningAct | None:
    """The agreement that waits for its time stamp, if any."""
    return waiting_acts().filter(report=report).first()


def complete(report: Report) -> bool:
    """Whether every place for a signature is taken."""
    if report.approval is None:
        return False
    taken = {signature.seat for signature in report.signatures.all()}
    return bool(taken) and set(seats(report.approval)) <= taken


def standing_of(report: Report, *, waits: bool | None = None) -> Standing:
    """How far the report's signatures have come; `waits` for who knows whether an agreement waits."""
    if report.archives.all():
        return Standing.ARCHIVED
    if waiting_act(report) is not None if waits is None else waits:
        return Standing.AWAITING_TIMESTAMP
    if not report.signatures.all():
        return Standing.UNSIGNED
    return Standing.COMPLETE if complete(report) else Standing.SIGNED


def archivable(since: datetime) -> list[Report]:
    """Complete reports that were never archived, or whose newest stamp is older than a moment."""
    fresh = ReportArchive.objects.filter(report=OuterRef("pk"), stamped_at__gte=since)
    signed = ReportSignature.objects.filter(report=OuterRef("pk"))
    rows = Report.objects.filter(Exists(signed), ~Exists(fresh)).select_related("approval", "version__model")
    return [row for row in rows.order_by("made_at") if complete(row)]


def report_pdf(report: Report) -> bytes:
    """The newest revision, its digest checked."""
    with store.open(newest_blob(report).digest) as file:
        return file.read()


def charts_of(report: Report) -> QuerySet[ReportChart]:
    """The pictures of a report."""
    return report.charts.all()


def find_chart(by: Person, report_id: UUID, gate: str) -> str:
    """The SVG of one gate."""
    chart = find_report(by, report_id).charts.filter(gate=gate).first()
    if chart is None:
        raise NotFound(f"The report has no picture of {gate}.")
    return chart.svg


def revocations() -> QuerySet[CertificateRevocation]:
    """Signers' certificates that were withdrawn, newest first."""
    return CertificateRevocation.objects.select_related("person", "revoked_by")
