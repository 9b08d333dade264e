"""Submitting a version: what is submitted, whether the entry is complete, and the tier's questions again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import may, require, why_not
from apps.access.states import Permission
from apps.approvals import commands as approvals
from apps.approvals.completeness import before_submission
from apps.approvals.guards import (
    entry_complete,
    fillable,
    no_live_approval,
    of_today,
    submittable,
    tier_confirmed,
)
from apps.approvals.rules import rules_of
from apps.audit.errors import Refused
from apps.gates.queries import latest_decision
from apps.inventory import queries
from apps.inventory.commands.tiers import answer_tier_again
from apps.inventory.scorecards import scorecard
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.gates.models import Decision
    from apps.inventory.models import ModelVersion, RegisteredModel, Tiering, Use

ANSWER = "answer-"  # what the names of the questions begin with in the form


def hindrance(by: Person, version: ModelVersion, use: Use, decision: Decision | None) -> str:
    """Why a version may not be submitted now, or nothing."""
    return (
        why_not(require, by, Permission.APPROVAL_SUBMIT, version.model)
        or why_not(submittable, version, use, decision)
        or why_not(no_live_approval, version, use)
        or why_not(of_today, decision)
        or why_not(entry_complete, decision)
        or why_not(fillable, by, decision)
    )


def barred(by: Person, model: RegisteredModel) -> frozenset[str]:
    """The places where this person mends nothing: no link leads them there."""
    asked = {
        "/versions/new": Permission.VERSION_REGISTER,
        "/entry": Permission.MODEL_REGISTER,
        "/tier": Permission.MODEL_TIER,
        "/monitoring": Permission.RUN_REQUEST,
    }
    return frozenset(place for place, permission in asked.items() if not may(by, permission, model))


@page("GET", "POST")
def submit(request: HttpRequest, key: str, label: str, *, by: Person) -> HttpResponse:
    """See what is submitted, confirm the tier or answer again, and open the review."""
    version = queries.find_version(by, key, label)
    sent = request.POST if request.method == "POST" else request.GET
    use = queries.find_use(version.model, sent.get("use", ""))
    if request.method == "POST":
        return _submitted(request, by, version, use)
    return render(request, "models/submit.html", _context(by, version, use))


def _context(by: Person, version: ModelVersion, use: Use) -> dict[str, Any]:
    model, decision = version.model, latest_decision(version, use)
    newest = model.tierings.select_related("assigned_by").first()
    rules = rules_of(decision) if decision else None
    kept = _kept(by, model, newest)
    return {
        "title": f"Submit {version}",
        "version": version,
        "model": model,
        "use": use,
        "decision": decision,
        "rules": rules,
        "whole": before_submission(model, rules.parts if rules else ()),
        "barred": barred(by, model),
        "newest": newest,
        "questions": [(q, kept.get(q.id, "")) for q in scorecard().questions],
        "may_tier": may(by, Permission.MODEL_TIER, model),
        "why_not": hindrance(by, version, use, decision),
    }


def _kept(by: Person, model: RegisteredModel, newest: Tiering | None) -> dict[str, str]:
    """What was answered last; what was said when the record was opened, until a tier is given."""
    seen = queries.idea_of(by, model) if newest is None else None
    told = newest.answers if newest is not None else seen.idea.answers if seen else {}
    return {name: str(value) for name, value in told.items() if value not in (None, "")}


def _submitted(request: HttpRequest, by: Person, version: ModelVersion, use: Use) -> HttpResponse:
    model, shown = version.model, request.POST.get("tier", "")
    require(by, Permission.APPROVAL_SUBMIT, model)
    tier_confirmed(model, shown)
    newest = model.tierings.first()
    kept = _kept(by, model, newest)
    answers = _answers(request, kept)
    made = newest
    if answers != kept:
        rationale = request.POST.get("rationale", "")
        made = answer_tier_again(by=by, model=model, answers=answers, rationale=rationale)
    try:
        approval = approvals.submit(
            by=by, version=version, use=use, tier=made.statement_digest if made else ""
        )
    except Refused as refused:
        if made is None or made == newest:
            raise
        said = f"Your answers are kept: {model.key} is tier {made.tier} now. {refused}"
        raise Refused(said, code=refused.code) from refused
    return done(request, "Submitted. The reviewers see it in their work.", f"/reviews/{approval.pk}")


def _answers(request: HttpRequest, kept: Mapping[str, str]) -> dict[str, str]:
    """What was answered; a question that was not sent is answered as before, one left open not at all."""
    sent = request.POST
    found = {q.id: sent.get(ANSWER + q.id, kept.get(q.id, "")).strip() for q in scorecard().questions}
    return {name: answer for name, answer in found.items() if answer}
