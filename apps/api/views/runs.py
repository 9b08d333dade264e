"""Runs, and the facts they leave: evidence, decisions, statements."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access.guards import may, require
from apps.access.states import Permission
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, lasting, operation, public_for
from apps.api.paging import listed
from apps.api.reading import Fields, body
from apps.api.views.facts import visible_statement
from apps.approvals.queries import hides
from apps.audit.errors import NotFound
from apps.audit.queries import keys as signing_keys
from apps.audit.queries import statement as find_statement
from apps.engine.keys import KeySet
from apps.gates import commands, queries
from apps.gates.packs import decision_pack
from apps.inventory.queries import find_use, find_version
from apps.reports.verification import pinned

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "POST",
    "Ask for a run of all gates that apply.",
    request={
        "model": "string",
        "version": "string",
        "use": "string?",
        "purpose": "string?",
        "dataset": "string?",
        "due": "string?",
    },
    answers={202: "Accepted; Location names the run."},
)
def request_run(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    version = find_version(by, fields.text("model"), fields.text("version"))
    use = find_use(version.model, fields.text("use", ""))
    purpose, dataset = fields.text("purpose", "approval"), fields.text("dataset", "")
    due = fields.instant("due") if fields.names("due") else None
    fields.done()
    key = request.headers.get("Idempotency-Key")
    run = commands.request_run(
        by=by,
        version=version,
        use=use,
        purpose=purpose,
        dataset=dataset,
        due=due,
        key=f"{by.pk}:{key}" if key else None,
    )
    return answer(rendering.run(run), status=202, headers={"Location": f"/api/v1/runs/{run.pk}"})


@operation(
    "GET",
    "Runs that the caller may see, newest first.",
    query={"state": "string", "purpose": "string", "cursor": "string"},
    answers={200: "Runs and the next cursor."},
)
def list_runs(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = queries.run_page(by, state=request.GET.get("state", ""), purpose=request.GET.get("purpose", ""))
    return answer(listed(request, "runs", rows, by_time="requested_at", render=rendering.run))


@operation("POST", "Cancel a run that waits or is at work.", answers={200: "The run.", 409: "It has ended."})
def cancel_run(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    return answer(rendering.run(commands.cancel(by=by, run=queries.find_run(by, run_id))))


@operation("GET", "One run with its progress.", answers={200: "The run.", 404: "No such run."})
def show_run(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    run = queries.find_run(by, run_id)
    return answer({**rendering.run(run), "partitions": rendering.partitions(queries.partitions_of(run))})


@operation(
    "POST",
    "Approve or refuse the hardware that a waiting run needs.",
    request={"granted": "boolean", "reason": "string"},
    answers={201: "The run.", 403: "Not permitted, or the run is your own.", 409: "It waits for nobody."},
)
def consent_hardware(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    run = queries.find_run(by, run_id)
    fields = Fields(body(request))
    granted, reason = fields.truth("granted", False), fields.text("reason")
    fields.done()
    commands.consent_hardware(by=by, run=run, granted=granted, reason=reason)
    return answer(rendering.run(queries.find_run(by, run_id)), status=201)


@operation("GET", "One decision by its digest.", answers={200: "The decision."})
def show_decision(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    found = queries.find_decision(by, digest)
    require(by, Permission.EVIDENCE_SEE, found.version.model)
    return lasting(request, answer(rendering.decision(found)), digest=digest)


@operation(
    "GET",
    "What one decision rests on, for `countersign replay`: statements, policies, pinned inputs, keys.",
    answers={200: "The pack."},
)
def show_pack(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    found = queries.find_decision(by, digest)
    require(by, Permission.EVIDENCE_SEE, found.version.model)
    told = {"Content-Disposition": f'attachment; filename="decision-{digest[7:19]}.json"'}
    return answer(decision_pack(found), headers=told)


@operation("GET", "One piece of evidence by its digest.", answers={200: "The evidence."})
def show_evidence(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    found = queries.find_evidence(by, digest)
    require(by, Permission.EVIDENCE_SEE, found.run.version.model)
    return lasting(request, answer(rendering.evidence(found)), digest=digest)


@operation(
    "GET",
    "One signed statement by its digest: the DSSE envelope, byte for byte.",
    answers={200: "The envelope."},
)
def show_statement(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    seen = may(by, Permission.EVENT_SEE) or visible_statement(by, digest)
    if not seen or hides(by, digest):
        raise NotFound(f"There is no statement {digest[:80]}.")
    statement = find_statement(digest)
    told = {"Content-Disposition": f'attachment; filename="statement-{digest[7:19]}.json"'}
    found = HttpResponse(bytes(statement.envelope), content_type="application/json", headers=told)
    return lasting(request, found, digest=digest)


@operation(
    "GET", "The public keys of the service with the times in which they count.", answers={200: "The key set."}
)
def show_keys(request: HttpRequest, *, by: Person | None) -> HttpResponse:
    people = pinned()
    published = KeySet(signing_keys().records, people.certificates, people.authorities, people.revocations)
    return public_for(answer(published.as_json()), seconds=60)


runs = endpoint(list_runs, request_run)
run_cancellation = endpoint(cancel_run)
run_hardware = endpoint(consent_hardware)
run = endpoint(show_run)
decision = endpoint(show_decision)
pack = endpoint(show_pack)
evidence = endpoint(show_evidence)
statement = endpoint(show_statement)
keys = endpoint(show_keys, public=True)
