"""The tier of a model: questions, the judgement, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require, why_not
from apps.access.states import Permission
from apps.approvals.consequences import consequences, review_due
from apps.inventory import commands, queries
from apps.inventory.scorecards import judged, scorecard
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.engine.tier import Scorecard
    from apps.inventory.models import RegisteredModel, Tiering


@page()
def tier_page(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """The questions as last answered; with answers in the address, what they would come to."""
    model = queries.find_model(by, key)
    tierings = list(model.tierings.select_related("assigned_by"))
    newest = tierings[0] if tierings else None
    card = scorecard()
    given = (
        _answers(request.GET, card)
        if request.GET
        else (newest.answers if newest else _said_at_first(by, model))
    )
    judgement = judged(given) if request.GET else None
    context = {
        "title": f"Tier of {model.title}",
        "model": model,
        "card": card,
        "newest": newest,
        "history": _history(tierings),
        "questions": [(q, str(given.get(q.id) or "")) for q in card.questions],
        "judgement": judgement,
        "review_due": review_due(judgement.review_days) if judgement else None,
        "changed": _changed(card, newest, given) if judgement else [],
        "follows": consequences(model, judgement.tier) if judgement else [],
        "why_not": why_not(require, by, Permission.MODEL_TIER, model),
    }
    return render(request, "models/tier.html", context)


@page("POST")
def assign(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Keep the answers and the tier that they come to."""
    model = queries.find_model(by, key)
    rationale, answers = request.POST.get("rationale", ""), _answers(request.POST, scorecard())
    made = commands.assign_tier(by=by, model=model, answers=answers, rationale=rationale)
    return done(request, f"{model.title} is tier {made.tier}.", f"/models/{model.key}")


def _answers(given: Any, card: Scorecard) -> dict[str, Any]:
    """What was answered; a question left open is left out."""
    known = [question.id for question in card.questions]
    return {name: given[name] for name in known if given.get(name)}


def _said_at_first(by: Person, model: RegisteredModel) -> dict[str, Any]:
    """What was answered when the record was opened, until a tier is given."""
    seen = queries.idea_of(by, model)
    return dict(seen.idea.answers) if seen else {}


def _changed(card: Scorecard, newest: Tiering | None, given: dict[str, Any]) -> list[dict[str, str]]:
    """The answers that differ from those kept."""
    kept = newest.answers if newest else {}
    titles = {question.id: question.title for question in card.questions}
    pairs = {name: (str(kept.get(name) or ""), str(given.get(name) or "")) for name in titles}
    return [
        {"title": titles[name], "before": one, "after": other}
        for name, (one, other) in pairs.items()
        if one != other
    ]


def _history(tierings: list[Tiering]) -> list[dict[str, Any]]:
    """Each tier with the answers that differ from the one before it."""
    older = [*tierings[1:], None]
    return [
        {"row": row, "changes": _differences(row, before)}
        for row, before in zip(tierings, older, strict=True)
    ]


def _differences(row: Tiering, before: Tiering | None) -> list[str]:
    kept = before.answers if before else {}
    names = sorted({*row.answers, *kept})
    return [
        f"{name}: {kept.get(name) or 'not answered'} → {row.answers.get(name) or 'not answered'}"
        for name in names
        if kept.get(name) != row.answers.get(name)
    ]
