"""Reports: made by a worker, read here, signed by validators."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.access.guards import why_not
from apps.approvals.queries import find_approval
from apps.audit import timestamps
from apps.gates.coverage import frameworks
from apps.inventory.queries import find_version
from apps.reports import commands, guards, queries
from apps.reports.challenges import later_than
from apps.reports.docx import MEDIA
from apps.reports.states import TITLES
from apps.reports.verification import verify_report
from apps.web.challenges import report_log
from apps.web.pages import done, page, reauthenticated_at
from apps.web.views.reviews import require_fresh

if TYPE_CHECKING:
    from apps.access.models import Person


@page("POST")
def make(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    """Ask a worker for the report of a review."""
    approval = find_approval(by, approval_id)
    commands.request_report(by=by, approval=approval)
    return done(request, "The report is being made.", f"/reviews/{approval_id}")


@page()
def report_page(request: HttpRequest, report_id: UUID, *, by: Person) -> HttpResponse:
    """One report: its signatures, whether they hold, and signing."""
    report = queries.read_whole(queries.find_report(by, report_id))
    waiting = queries.waiting_act(report)
    context = {
        "title": str(report),
        "report": report,
        "examined": verify_report(report),
        "standing": queries.standing_of(report, waits=waiting is not None),
        "waiting": waiting,
        "authority": timestamps.authority(),
        "signatures": report.signatures.all(),
        "digest": queries.newest_blob(report).digest,
        "charts": queries.charts_of(report),
        "why_not_sign": why_not(guards.can_sign, by, report),
        "here": request.path,
        "log": report_log(by, report),
        "later": later_than(by, report),
    }
    return render(request, "reports/record.html", context)


@page()
def report_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Ask for a report, and those asked for."""
    context = {
        "title": "Reports",
        "asked": queries.asked_by(by),
        "kinds": [(kind, TITLES[kind]) for kind in (*guards.OF_VERSION, *guards.OF_MANY)],
        "of_version": guards.OF_VERSION,
        "frameworks": [(key, found.title) for key, (found, _) in frameworks().items()],
    }
    return render(request, "reports/list.html", context)


@page("POST")
def ask(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Ask a worker for a report of a kind."""
    kind, named = request.POST.get("kind", ""), request.POST.get("version", "").strip()
    key, _, label = named.partition("@")
    version = find_version(by, key, label) if kind in guards.OF_VERSION and named else None
    scope = {name: request.POST.get(name, "") for name in guards.SCOPE}
    commands.ask_report(by=by, kind=kind, version=version, scope=scope)
    return done(request, "The report is being made; it appears here within a minute.", "/reports")


@page()
def html(request: HttpRequest, report_id: UUID, *, by: Person) -> HttpResponse:
    """The report as a page to take home."""
    report = queries.find_report(by, report_id)
    told = {"Content-Disposition": f'attachment; filename="{queries.file_name(report, "html")}"'}
    return HttpResponse(queries.report_page(report), content_type="text/html; charset=utf-8", headers=told)


@page()
def word(request: HttpRequest, report_id: UUID, *, by: Person) -> HttpResponse:
    """The report as an editable copy."""
    report = queries.find_report(by, report_id)
    told = {"Content-Disposition": f'attachment; filename="{queries.file_name(report, "docx")}"'}
    return HttpResponse(queries.report_docx(report), content_type=f"{MEDIA}.document", headers=told)


@page("POST")
def sign(request: HttpRequest, report_id: UUID, *, by: Person) -> HttpResponse:
    """Sign the PDF itself."""
    report = queries.find_report(by, report_id)
    guards.can_sign(by, report)
    if require_fresh(request):
        return redirect(f"/reauthenticate?next=/reports/{report_id}")
    signature = commands.sign_report(
        by=by,
        report=report,
        meaning=request.POST.get("meaning", ""),
        shown_digest=request.POST.get("shown_digest", ""),
        reauthenticated_at=reauthenticated_at(request),
    )
    told = "Signed: your signature is inside the PDF."
    if signature is None:
        told = "Agreed: your signature waits for its time stamp and follows by itself."
    return done(request, told, f"/reports/{report_id}")


@page()
def pdf(request: HttpRequest, report_id: UUID, *, by: Person) -> HttpResponse:
    """The newest revision of the file."""
    report = queries.find_report(by, report_id)
    name = queries.file_name(report)
    told = {"Content-Disposition": f'inline; filename="{name}"'}
    return HttpResponse(queries.report_pdf(report), content_type="application/pdf", headers=told)


@page()
def chart(request: HttpRequest, report_id: UUID, gate: str, *, by: Person) -> HttpResponse:
    """The chart of one gate's measurement, the same as in the PDF."""
    svg = queries.find_chart(by, report_id, gate)
    return HttpResponse(
        svg, content_type="image/svg+xml", headers={"Cache-Control": "private, max-age=86400"}
    )
