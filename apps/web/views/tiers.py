"""The tier of a model: questions, the judgement, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require, why_not
from apps.access.states import Permission
from apps.approvals.rules import united
from apps.engine.policy import gates_for
from apps.gates.clock import database_now
from apps.gates.queries import policies_in_force
from apps.inventory import commands, queries
from apps.inventory.scorecards import judged, scorecard
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import ModelVersion, RegisteredModel


@page()
def tier_page(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """The questions as last answered; with answers in the address, what they would come to."""
    model = queries.find_model(by, key)
    newest = model.tierings.first()
    card = scorecard()
    given = _answers(request.GET) if request.GET else (newest.answers if newest else {})
    judgement = judged(given) if request.GET else None
    context = {
        "title": f"Tier of {model.title}",
        "model": model,
        "card": card,
        "newest": newest,
        "questions": [(q, str(given.get(q.id) or "")) for q in card.questions],
        "judgement": judgement,
        "follows": _follows(model, judgement.tier) if judgement else [],
        "why_not": why_not(require, by, Permission.MODEL_TIER, model),
    }
    return render(request, "models/tier.html", context)


@page("POST")
def assign(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Keep the answers and the tier that they come to."""
    model = queries.find_model(by, key)
    rationale = request.POST.get("rationale", "")
    made = commands.assign_tier(by=by, model=model, answers=_answers(request.POST), rationale=rationale)
    return done(request, f"{model.title} is tier {made.tier}.", f"/models/{model.key}")


def _answers(given: Any) -> dict[str, Any]:
    """What was answered; a question left open is left out."""
    known = [question.id for question in scorecard().questions]
    return {name: given[name] for name in known if given.get(name)}


def _follows(model: RegisteredModel, tier: int) -> list[dict[str, Any]]:
    """Gates and signatures that the newest version owes, as it stands and with this tier."""
    version = model.versions.order_by("-registered_at").first()
    uses = list(model.uses.filter(retired_at=None)) if version else []
    return [_of_use(version, use, tier) for use in uses if version]


def _of_use(version: ModelVersion, use: Any, tier: int) -> dict[str, Any]:
    now, facts = database_now(), queries.subject_fields(version, use)
    before, after = facts, {**facts, "model.tier": tier}
    policies = [policies_in_force(now, fields) for fields in (before, after)]
    gates = [
        {g.id: g.title for g in gates_for(found) if g.speaks_of(fields)}
        for found, fields in zip(policies, (before, after), strict=True)
    ]
    rules = [united(found, fields) for found, fields in zip(policies, (before, after), strict=True)]
    return {
        "use": use,
        "policies": [policy.title for policy in policies[1]],
        "new_gates": [title for key, title in gates[1].items() if key not in gates[0]],
        "gone_gates": [title for key, title in gates[0].items() if key not in gates[1]],
        "steps": [_words(step) for step in rules[1].steps],
        "same_steps": rules[0].steps == rules[1].steps,
        "approval_days": rules[1].approval.days,
        "before_days": rules[0].approval.days,
    }


def _words(step: Any) -> str:
    return f"{step['quorum']} of the role {step['role']}"
