"""Weaknesses and what is allowed in spite of them: findings, waivers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.api import rendering
from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import listed
from apps.api.reading import Fields, body
from apps.approvals import commands, queries
from apps.gates.queries import find_decision
from apps.inventory.queries import find_model

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "GET",
    "Findings that the caller may see, newest first.",
    query={"state": "string", "model": "string", "cursor": "string"},
    answers={200: "Findings and the next cursor."},
)
def list_findings(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = queries.visible_findings(by)
    if request.GET.get("state"):
        rows = rows.filter(state=request.GET["state"])
    if request.GET.get("model"):
        rows = rows.filter(model__key=request.GET["model"])
    return answer(listed(request, "findings", rows, by_time="opened_at", render=rendering.finding))


@operation(
    "POST",
    "Open a finding.",
    request={
        "model": "string",
        "title": "string",
        "severity": "string",
        "due": "date",
        "detail": "string?",
        "gate": "string?",
    },
    answers={201: "The finding."},
)
def open_finding(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    model = find_model(by, fields.text("model"))
    title, severity, due = fields.text("title"), fields.text("severity"), fields.day("due")
    detail, gate = fields.text("detail", ""), fields.text("gate", "")
    fields.done()
    finding = commands.open_finding(
        by=by, model=model, title=title, severity=severity, due=due, detail=detail, gate=gate
    )
    place = {"Location": f"/api/v1/findings/{finding.pk}"}
    return answer(rendering.finding(finding), status=201, headers=place)


@operation("GET", "One finding.", answers={200: "The finding.", 404: "No such finding."})
def show_finding(request: HttpRequest, finding_id: UUID, *, by: Person) -> HttpResponse:
    return answer(rendering.finding(queries.find_finding(by, finding_id)))


def _text(request: HttpRequest, name: str) -> str:
    fields = Fields(body(request))
    text = fields.text(name)
    fields.done()
    return text


@operation(
    "POST", "Say what was done about a finding.", request={"plan": "string"}, answers={200: "The finding."}
)
def remediate_finding(request: HttpRequest, finding_id: UUID, *, by: Person) -> HttpResponse:
    finding = queries.find_finding(by, finding_id)
    done = commands.remediate_finding(by=by, finding=finding, plan=_text(request, "plan"))
    return answer(rendering.finding(done))


@operation(
    "POST", "Close a finding on evidence.", request={"closure": "string"}, answers={200: "The finding."}
)
def close_finding(request: HttpRequest, finding_id: UUID, *, by: Person) -> HttpResponse:
    finding = queries.find_finding(by, finding_id)
    done = commands.close_finding(by=by, finding=finding, closure=_text(request, "closure"))
    return answer(rendering.finding(done))


@operation("POST", "Send a finding back.", request={"reason": "string"}, answers={200: "The finding."})
def reopen_finding(request: HttpRequest, finding_id: UUID, *, by: Person) -> HttpResponse:
    finding = queries.find_finding(by, finding_id)
    done = commands.reopen_finding(by=by, finding=finding, reason=_text(request, "reason"))
    return answer(rendering.finding(done))


@operation(
    "GET",
    "Waivers that the caller may see, newest first, and the requests that nobody has answered.",
    query={"cursor": "string"},
    answers={200: "Waivers, open requests and the next cursor."},
)
def list_waivers(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = queries.visible_waivers(by)
    told = listed(request, "waivers", rows, by_time="granted_at", render=rendering.waiver)
    asked = [rendering.waiver_request(row) for row in queries.open_waiver_requests(by)[:200]]
    return answer({**told, "requests": asked})


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
    decision = find_decision(by, fields.text("decision"))
    finding = queries.find_finding(by, fields.text("finding"))
    given = {name: fields.text(name) for name in ("gate", "rationale", "compensating_control")}
    due, ends = fields.day("remediation_due"), fields.instant("valid_to")
    fields.done()
    asked = commands.request_waiver(
        by=by, decision=decision, finding=finding, remediation_due=due, valid_to=ends, **given
    )
    return answer(rendering.waiver_request(asked), status=201)


findings = endpoint(list_findings, open_finding)
finding = endpoint(show_finding)
finding_remediation = endpoint(remediate_finding)
finding_closure = endpoint(close_finding)
finding_reopening = endpoint(reopen_finding)
waivers = endpoint(list_waivers, request_waiver)
