"""What people say: approvals, findings, waivers, attestations."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.access.models import Person
from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.approvals import commands, queries
from apps.gates.queries import find_decision
from apps.inventory.queries import find_model, find_use, find_version


@operation("GET", "Approvals that the caller may see.", answers={200: "Approvals."})
def list_approvals(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = queries.visible_approvals(by)[:200]
    return answer({"approvals": [rendering.approval(a, by) for a in rows]})


@operation(
    "POST",
    "Submit a version for approval.",
    request={"model": "string", "version": "string", "use": "string?"},
    answers={201: "The approval.", 409: "It cannot be submitted now."},
)
def submit(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    version = find_version(by, fields.text("model"), fields.text("version"))
    use = find_use(version.model, fields.text("use", ""))
    fields.done()
    approval = commands.submit(by=by, version=version, use=use)
    place = {"Location": f"/api/v1/approvals/{approval.pk}"}
    return answer(rendering.approval(approval, by), status=201, headers=place)


@operation("GET", "One approval as the caller may see it.", answers={200: "The approval."})
def show_approval(request: HttpRequest, approval_id: UUID, *, by: Person) -> HttpResponse:
    return answer(rendering.approval(queries.find_approval(by, approval_id), by))


@operation("GET", "Findings that the caller may see.", answers={200: "Findings."})
def list_findings(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer({"findings": [rendering.finding(f) for f in queries.visible_findings(by)[:500]]})


@operation(
    "POST",
    "Open a finding.",
    request={"model": "string", "title": "string", "severity": "string", "due": "date", "detail": "string?"},
    answers={201: "The finding."},
)
def open_finding(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    finding = commands.open_finding(
        by=by,
        model=find_model(by, fields.text("model")),
        title=fields.text("title"),
        severity=fields.text("severity"),
        detail=fields.text("detail", ""),
        gate=fields.text("gate", ""),
        due=fields.day("due"),
    )
    fields.done()
    return answer(rendering.finding(finding), status=201)


@operation("GET", "Waivers that the caller may see.", answers={200: "Waivers and open requests."})
def list_waivers(request: HttpRequest, *, by: Person) -> HttpResponse:
    return answer(
        {
            "waivers": [rendering.waiver(w) for w in queries.visible_waivers(by)[:500]],
            "requests": [rendering.waiver_request(r) for r in queries.open_waiver_requests(by)],
        }
    )


@operation(
    "POST",
    "Ask for a waiver of one failed gate.",
    request={
        "decision": "string",
        "gate": "string",
        "finding": "string",
        "rationale": "string",
        "compensating_control": "string",
        "remediation_due": "date",
        "valid_to": "date-time",
    },
    answers={201: "The request; a person grants it on its page."},
)
def request_waiver(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    asked = commands.request_waiver(
        by=by,
        decision=find_decision(by, fields.text("decision")),
        gate=fields.text("gate"),
        finding=queries.find_finding(by, fields.text("finding")),
        rationale=fields.text("rationale"),
        compensating_control=fields.text("compensating_control"),
        remediation_due=fields.day("remediation_due"),
        valid_to=fields.instant("valid_to"),
    )
    fields.done()
    return answer(rendering.waiver_request(asked), status=201)


@operation(
    "POST", "Attest an inventory entry.", request={"model": "string"}, answers={201: "The attestation."}
)
def attest(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    model = find_model(by, fields.text("model"))
    fields.done()
    made = commands.attest(by=by, model=model)
    return answer({"model": model.key, "statement": made.statement_digest}, status=201)


approvals = endpoint(list_approvals, submit)
approval = endpoint(show_approval)
findings = endpoint(list_findings, open_finding)
waivers = endpoint(list_waivers, request_waiver)
attestations = endpoint(attest)
