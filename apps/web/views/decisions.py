"""The deploy gate's answers and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import may, require
from apps.access.states import Permission
from apps.approvals.guards import PASSING
from apps.approvals.queries import open_findings
from apps.audit.past import as_of
from apps.deploys import queries as deploys
from apps.deploys.genuine import sealed_outcome
from apps.deploys.states import Outcome
from apps.gates import queries as gates
from apps.web.challenges import decision_log
from apps.web.gates import gate_counts, gate_groups
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def admission_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """The feed: who asked, for what, and the answer."""
    filters = {k: request.GET[k] for k in ("model", "environment", "outcome") if request.GET.get(k)}
    found = deploys.decision_feed(by, filters, request.GET.get("after"))
    context = {
        "title": "Decisions",
        "found": found,
        "filters": filters,
        "environments": deploys.environments(),
        "outcomes": list(Outcome),
        "live": as_of() is None and not request.GET.get("after"),
        "may_connect": may(by, Permission.INTEGRATION_MANAGE),
    }
    return render(request, "decisions/list.html", context)


@page()
def admission_page(request: HttpRequest, admission_id: UUID, *, by: Person) -> HttpResponse:
    """One answer with every reason and its statement."""
    admission = deploys.find_admission(by, admission_id)
    sealed_outcome(bytes(admission.answer), admission.pk)
    return render(request, "decisions/admission.html", {"title": str(admission), "admission": admission})


@page()
def decision_page(request: HttpRequest, digest: str, *, by: Person) -> HttpResponse:
    """What the policies said of one run, gate by gate."""
    decision = gates.find_decision(by, digest)
    require(by, Permission.EVIDENCE_SEE, decision.version.model)
    context = {
        "title": str(decision),
        "decision": decision,
        "groups": gate_groups(decision.document),
        "counts": gate_counts(decision.document),
        "waivable": _waivable(decision.document),
        "findings": open_findings(decision.version.model),
        "log": decision_log(by, decision),
    }
    return render(request, "decisions/decision.html", context)


def _waivable(document: Mapping[str, Any]) -> list[str]:
    found = (g for g in document["gates"] if g["enforcement"] == "waivable" and g["outcome"] not in PASSING)
    return [gate["id"] for gate in found]
