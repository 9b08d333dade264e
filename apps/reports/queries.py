"""Reports as the person may see them, their newest bytes, and whether their signatures hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.access.states import Permission, roles_with
from apps.approvals.models import Approval
from apps.approvals.queries import LIVE, steps_of
from apps.approvals.states import ApprovalState
from apps.audit.errors import NotFound, Refused
from apps.engine.errors import Problem
from apps.engine.keys import KeySet
from apps.engine.verified import Question
from apps.engine.verify_pdf import examine_report
from apps.inventory import store
from apps.inventory.models import Blob
from apps.reports.certificates import authority_pem
from apps.reports.models import Report, ReportChart


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
    rows = Report.objects.filter(version__model__in=visible_models(by))
    return rows.select_related("version__model", "approval", "decision__use", "blob")


def find_report(by: Person, report_id: UUID) -> Report:
    """One report, or NotFound."""
    row = visible_reports(by).filter(pk=report_id).first()
    if row is None:
        raise NotFound(f"There is no report {report_id}.")
    return row


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
    """The bytes after the last signature, or as made."""
    last = report.signatures.select_related("after").last()
    return last.after if last else report.blob


def report_pdf(report: Report) -> bytes:
    """The newest revision, its digest checked."""
    with store.open(newest_blob(report).digest) as file:
        return file.read()


def report_certificates() -> list[str]:
    """The certificates that signers of reports descend from, as PEM."""
    return [authority_pem()]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a report's signatures hold, in one sentence."""

    genuine: bool
    sentence: str


def verify_report(report: Report) -> Verdict:
    """The newest revision against the signers that the record names, by certificate and count."""
    expected = list(report.signatures.values_list("certificate_sha256", flat=True))
    try:
        pdf = report_pdf(report)
        if not expected:
            return Verdict(True, "The file is the one that was sealed; nobody has signed it yet.")
        keys = KeySet((), tuple(report_certificates()))
        question = Question(at=timezone.now(), keys=keys, artifact=None, environment=None, signers=expected)
        examine_report(pdf, question)
    except (Problem, Refused) as error:
        return Verdict(False, str(error))
    number = len(expected)
    return Verdict(True, f"{number} signature{'s' if number > 1 else ''} intact, trusted and complete.")


def charts_of(report: Report) -> QuerySet[ReportChart]:
    """The pictures of a report."""
    return report.charts.all()


def find_chart(by: Person, report_id: UUID, gate: str) -> str:
    """The SVG of one gate."""
    chart = find_report(by, report_id).charts.filter(gate=gate).first()
    if chart is None:
        raise NotFound(f"The report has no picture of {gate}.")
    return chart.svg
