"""What a thing is, and under which regimes it stands: decided by people, with a reason."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require, why_not
from apps.access.states import Permission
from apps.audit.errors import Invalid
from apps.inventory import commands, determinations, guards, queries
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def regime_page(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Every regime: what was decided, what is suggested, and a form to decide."""
    model = queries.find_model(by, key)
    lines = determinations.regime_lines(model)
    context = {
        "title": f"Regimes of {model.title}",
        "model": model,
        "lines": lines,
        "undecided": sum(line.decision is None for line in lines),
        "history": determinations.regime_history(model),
        "why_not": why_not(require, by, Permission.MODEL_TIER, model),
        "why_not_out": why_not(guards.may_narrow, by, model, False),
    }
    return render(request, "models/regimes.html", context)


@page("POST")
def decide(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Keep the answer of one regime."""
    model = queries.find_model(by, key)
    regime, said = request.POST.get("regime", ""), request.POST.get("applies", "")
    if said not in ("yes", "no"):
        raise Invalid("Please choose whether the regime applies.", field="applies")
    rationale = request.POST.get("rationale", "")
    made = commands.decide_regime(
        by=by, model=model, regime=regime, applies=said == "yes", rationale=rationale
    )
    return done(request, f"{made}.", f"/models/{model.key}/regimes")


@page()
def determination_page(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """The questions as last answered; with answers in the address, what each definition says."""
    model = queries.find_model(by, key)
    asked, standing = determinations.questionnaire(), determinations.determination_of(model)
    kept = standing.row.answers if standing else {}
    given = _answers(request.GET) if request.GET else kept
    context = {
        "title": f"Is {model.title} a model?",
        "model": model,
        "asked": asked,
        "questions": [(question, given.get(question["id"], "")) for question in asked.questions],
        "standing": standing,
        "found": determinations.judged_by_definitions(given) if request.GET else None,
        "history": model.determinations.select_related("determined_by"),
        "why_not": why_not(require, by, Permission.MODEL_TIER, model),
    }
    return render(request, "models/determination.html", context)


@page("POST")
def determine(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Keep the answers and what they come to."""
    model = queries.find_model(by, key)
    made = commands.determine(
        by=by,
        model=model,
        answers=_answers(request.POST),
        rationale=request.POST.get("rationale", ""),
        ask_again=_day(request.POST.get("ask_again", "")),
    )
    told = f"{model.title}: {made.outcome}; asked again by {made.ask_again:%Y-%m-%d}."
    return done(request, told, f"/models/{model.key}")


def _answers(given: Any) -> dict[str, str]:
    known = [question["id"] for question in determinations.questionnaire().questions]
    return {name: given[name] for name in known if given.get(name)}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as problem:
        raise Invalid(f"“{text}” is no day; write it as 2027-03-31.", field="ask_again") from problem
