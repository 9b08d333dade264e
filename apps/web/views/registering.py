"""Registering a model on a page: what it is, what is there already, and then the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import may, require_anywhere
from apps.access.queries import find_person
from apps.access.states import Permission
from apps.approvals.queries import approved_models
from apps.audit.errors import Invalid, NotFound, Refused
from apps.inventory import commands, queries
from apps.inventory.prior_art import nearest
from apps.inventory.scorecards import judged, scorecard
from apps.inventory.states import ModelKind
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person

FIELDS = (
    "title", "key", "kind", "unit", "owner", "origin", "use", "domain", "jurisdictions", "exposure_eur",
    "purpose", "limitations",
)  # fmt: skip
ANSWER = "answer-"  # what the names of the questions begin with in the form


@page("GET", "POST")
def new_model(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Two steps: say what it is, then see what is there already and register it."""
    require_anywhere(by, Permission.MODEL_REGISTER)
    if request.method == "GET":
        return _form(request, by, {"owner": by.username, **request.GET.dict()})
    given, act = request.POST.dict(), request.POST.get("act", "check")
    if act == "edit":
        return _form(request, by, given)
    try:
        if act == "register":
            model = commands.open_idea(by=by, **_fields(given))
            told = f"{model.title} is registered. Its first version can follow at any time."
            return done(request, told, f"/models/{model.key}")
        _rehearse(by, given)
    except (Invalid, Refused) as refused:
        return _form(request, by, given, refused)
    return _checked(request, by, given)


def _rehearse(by: Person, given: Mapping[str, str]) -> None:
    """Register it and take everything back: what would be refused is refused now."""
    with transaction.atomic():
        commands.open_idea(by=by, **_fields(given))
        transaction.set_rollback(True)


def _fields(given: Mapping[str, str]) -> dict[str, Any]:
    text = {name: given.get(name, "").strip() for name in FIELDS}
    if not text["unit"]:
        raise Invalid("Choose the business unit that the model belongs to.", field="unit")
    if not text["owner"]:
        raise Invalid("Name the owner: the person accountable for the model.", field="owner")
    return {
        **{name: text[name] for name in ("title", "key", "kind", "use", "domain", "purpose", "limitations")},
        "unit": queries.find_unit(text["unit"]),
        "owner": _owner(text["owner"]),
        "vendor": text["origin"] == "vendor",
        "jurisdictions": [code.strip() for code in text["jurisdictions"].split(",") if code.strip()],
        "exposure_eur": text["exposure_eur"] or None,
        "answers": _answers(given),
    }


def _owner(username: str) -> Person:
    try:
        return find_person(username)
    except NotFound as unknown:
        raise Invalid(str(unknown), field="owner") from unknown


def _answers(given: Mapping[str, str]) -> dict[str, str]:
    """The answers about the tier; the exposure stands in the form once and answers its question too."""
    known = [question.id for question in scorecard().questions]
    found = {name: given.get(ANSWER + name, "").strip() for name in known}
    if any(found.values()) and "exposure_eur" in found and not found["exposure_eur"]:
        found["exposure_eur"] = given.get("exposure_eur", "").strip()
    return {name: answer for name, answer in found.items() if answer}


def _form(
    request: HttpRequest, by: Person, given: Mapping[str, str], refused: Exception | None = None
) -> HttpResponse:
    questions = [q for q in scorecard().questions if q.id != "exposure_eur"]
    context = {
        "title": "Register a model",
        "given": {name: given.get(name, "") for name in FIELDS},
        "kinds": [str(kind) for kind in ModelKind],
        "units": queries.units_for(by, Permission.MODEL_REGISTER),
        "questions": [(q, given.get(ANSWER + q.id, "")) for q in questions],
        "wrong": str(refused or ""),
        "field": getattr(refused, "field", "") or "",
    }
    return render(request, "models/registering/model.html", context, status=422 if refused else 200)


def _checked(request: HttpRequest, by: Person, given: Mapping[str, str]) -> HttpResponse:
    fields, answers = _fields(given), _answers(given)
    near = nearest(by, key=fields["key"], title=fields["title"], purpose=fields["purpose"])
    approved = approved_models([one.model for one in near])
    context = {
        "title": "Register a model",
        "given": given,
        "fields": fields,
        "kept": {k: v for k, v in given.items() if k in FIELDS or k.startswith(ANSWER)},
        "near": [(one, one.model.pk in approved) for one in near],
        "judgement": judged(answers) if answers else None,
        "may_tier": may(by, Permission.MODEL_TIER, fields["unit"]),
    }
    return render(request, "models/registering/model_check.html", context)
