"""Runs, and the facts they leave: evidence, decisions, statements."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access.guards import require_anywhere
from apps.access.models import Person
from apps.access.states import Permission
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.audit.queries import keys as signing_keys
from apps.audit.queries import statement as find_statement
from apps.engine.keys import KeySet
from apps.gates import commands, queries
from apps.inventory.queries import find_use, find_version
from apps.reports.queries import report_certificates


@operation(
    "POST",
    "Ask for a run of all gates that apply.",
    request={
        "model": "string",
        "version": "string",
        "use": "string?",
        "purpose": "string?",
        "dataset": "string?",
    },
    answers={202: "Accepted; Location names the run."},
)
def request_run(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    version = find_version(by, fields.text("model"), fields.text("version"))
    run = commands.request_run(
        by=by,
        version=version,
        use=find_use(version.model, fields.text("use", "")),
        purpose=fields.text("purpose", "approval"),
        dataset=fields.text("dataset", ""),
        key=request.headers.get("Idempotency-Key") and f"{by.pk}:{request.headers['Idempotency-Key']}",
    )
    fields.done()
    return answer(rendering.run(run), status=202, headers={"Location": f"/api/v1/runs/{run.pk}"})


@operation("GET", "One run with its progress.", answers={200: "The run.", 404: "No such run."})
def show_run(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    return answer(rendering.run(queries.find_run(by, run_id)))


@operation("GET", "One decision by its digest.", answers={200: "The decision."})
def show_decision(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    require_anywhere(by, Permission.EVIDENCE_SEE)
    return answer(rendering.decision(queries.find_decision(by, digest)))


@operation("GET", "One piece of evidence by its digest.", answers={200: "The evidence."})
def show_evidence(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    require_anywhere(by, Permission.EVIDENCE_SEE)
    return answer(rendering.evidence(queries.find_evidence(by, digest)))


@operation(
    "GET",
    "One signed statement by its digest: the DSSE envelope, byte for byte.",
    answers={200: "The envelope."},
)
def show_statement(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    statement = find_statement(digest)
    told = {"Content-Disposition": f'attachment; filename="statement-{digest[7:19]}.json"'}
    return HttpResponse(bytes(statement.envelope), content_type="application/json", headers=told)


@operation(
    "GET", "The public keys of the service with the times in which they count.", answers={200: "The key set."}
)
def show_keys(request: HttpRequest, *, by: Person | None) -> HttpResponse:
    published = KeySet(signing_keys().records, tuple(report_certificates()))
    return answer(published.as_json())


runs = endpoint(request_run)
run = endpoint(show_run)
decision = endpoint(show_decision)
evidence = endpoint(show_evidence)
statement = endpoint(show_statement)
keys = endpoint(show_keys, public=True)
