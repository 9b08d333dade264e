"""What is kept: events and proofs, reports, environments."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access.guards import require
from apps.access.states import Permission
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.audit import queries as audit
from apps.audit import trail
from apps.audit.errors import NotFound
from apps.deploys.queries import environments as declared_environments
from apps.inventory.queries import find_version
from apps.reports import commands
from apps.reports import queries as reports
from apps.reports.guards import SCOPE

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.reports.models import Report

EVENT_FILTERS = ("action", "object", "type", "actor", "request", "from", "to")


@operation(
    "GET",
    "Events, newest first.",
    query=dict.fromkeys((*EVENT_FILTERS, "cursor"), "string"),
    answers={200: "Events and the next cursor."},
)
def list_events(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.EVENT_SEE)
    filters = {k: request.GET[k] for k in EVENT_FILTERS if request.GET.get(k)}
    found = trail.event_page(filters, request.GET.get("cursor"))
    rows = [{"id": e.id, "index": e.index, "body": e.text, "changes": _changes(e)} for e in found.rows]
    return answer({"events": rows, "next": found.next})


def _changes(event: trail.EventLine) -> list[dict[str, str | None]]:
    return [{"field": d.field, "old": d.old, "new": d.new} for d in event.differences]


@operation("GET", "The proof that one event is in the log.", answers={200: "Body, index, proof, checkpoint."})
def show_proof(request: HttpRequest, event_id: UUID, *, by: Person) -> HttpResponse:
    require(by, Permission.EVENT_SEE)
    event, proof = trail.event_line(event_id), trail.place_of(event_id)
    told = None if proof is None else {"index": proof.index, "size": proof.size, "text": proof.text}
    return answer({"id": event.id, "body": event.text, "proof": told})


@operation(
    "GET",
    "The newest witnessed checkpoint of the log, as a signed note.",
    answers={200: "The note."},
    produces=("text/plain",),
)
def show_checkpoint(request: HttpRequest, *, by: Person | None) -> HttpResponse:
    newest = audit.witnessed_checkpoint()
    if newest is None:
        raise NotFound("No checkpoint is signed yet.")
    return HttpResponse(newest[1], content_type="text/plain; charset=utf-8")


@operation("GET", "One report with its signatures.", answers={200: "The report."})
def show_report(request: HttpRequest, report_id: UUID, *, by: Person) -> HttpResponse:
    return answer(rendering.report(readable(by, report_id)))


def readable(by: Person, report_id: UUID) -> Report:
    """The report, where the person may see evidence of its model."""
    report = reports.find_report(by, report_id)
    if report.version is not None:
        require(by, Permission.EVIDENCE_SEE, report.version.model)
    return report


@operation(
    "POST",
    "Ask for a report of a kind; a worker makes it.",
    request={
        "kind": "string",
        "model": "string?",
        "version": "string?",
        "framework": "string?",
        "since": "string?",
        "until": "string?",
        "distributed": "string?",
        "source": "string?",
    },
    answers={202: "Accepted; GET this address tells when it is there."},
)
def ask_report(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    kind, model, label = fields.text("kind"), fields.text("model", ""), fields.text("version", "")
    scope = {name: fields.text(name, "") for name in SCOPE}
    fields.done()
    version = find_version(by, model, label) if model else None
    asked = commands.ask_report(by=by, kind=kind, version=version, scope=scope)
    return answer(rendering.report_request(asked), status=202)


@operation("GET", "The reports that the caller asked for, newest first.", answers={200: "Requests."})
def list_asked(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer({"reports": [rendering.report_request(row) for row in reports.asked_by(by)]})


@operation(
    "GET",
    "The newest revision of a report's PDF.",
    answers={200: "The file."},
    produces=("application/pdf",),
)
def show_file(request: HttpRequest, report_id: UUID, *, by: Person) -> HttpResponse:
    report = readable(by, report_id)
    found = HttpResponse(reports.report_pdf(report), content_type="application/pdf")
    found.headers["ETag"] = f'"{reports.newest_blob(report).digest}"'
    return found


@operation("GET", "Environments.", answers={200: "Environments."})
def list_environments(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = [{"key": e.key, "title": e.title} for e in declared_environments()]
    return answer({"environments": rows})


events = endpoint(list_events)
proof = endpoint(show_proof)
checkpoint = endpoint(show_checkpoint)
report = endpoint(show_report)
asked_reports = endpoint(list_asked, ask_report)
report_file = endpoint(show_file)
environments = endpoint(list_environments)
