"""The entry of a model: mended with a reason; what changes stands in the trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require, why_not
from apps.access.queries import find_person
from apps.access.states import Permission
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.inventory import commands, queries
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import RegisteredModel

FIELDS = ("title", "purpose", "limitations", "owner", "exposure_eur")


@page("GET", "POST")
def entry(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Title, purpose, limitations, owner and exposure."""
    model = queries.find_model(by, key)
    if request.method == "GET":
        return _shown(request, by, model)
    require(by, Permission.MODEL_REGISTER, model)
    try:
        _changed(request, by, model)
    except (Forbidden, NotFound):
        raise
    except Refused as refused:
        return _shown(request, by, model, refused)
    return done(request, f"The entry of {model.key} is mended.", f"/models/{model.key}")


def _changed(request: HttpRequest, by: Person, model: RegisteredModel) -> None:
    given = {name: request.POST.get(name, "").strip() for name in (*FIELDS, "reason")}
    commands.change_model(
        by=by,
        model=model,
        reason=given["reason"],
        title=given["title"] or None,
        purpose=given["purpose"] or None,
        limitations=given["limitations"] or None,
        owner=_owner(given["owner"]),
        exposure_eur=given["exposure_eur"] or None,
    )


def _owner(username: str) -> Person | None:
    try:
        return find_person(username) if username else None
    except NotFound as unknown:
        raise Invalid(str(unknown), field="owner") from unknown


def _shown(
    request: HttpRequest, by: Person, model: RegisteredModel, refused: Exception | None = None
) -> HttpResponse:
    stands = {name: getattr(model, name) for name in ("title", "purpose", "limitations", "exposure_eur")}
    stands["exposure_eur"] = "" if model.exposure_eur is None else format(model.exposure_eur, "f")
    context = {
        "title": f"Entry of {model.title}",
        "model": model,
        "given": {**stands, "owner": model.owner.username, **request.POST.dict()},
        "wrong": str(refused or ""),
        "why_not": why_not(require, by, Permission.MODEL_REGISTER, model),
    }
    return render(request, "models/entry.html", context, status=422 if refused else 200)


@page("POST")
def add_use(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Name another use of a model: it is measured and approved for itself."""
    model = queries.find_model(by, key)
    named, title = request.POST.get("use", "").strip(), request.POST.get("title", "")
    use = commands.add_use(by=by, model=model, key=named, title=title)
    return done(request, f"The use {use.key} stands: ask for a run of it.", f"/models/{model.key}")


@page("POST")
def retire_use(request: HttpRequest, key: str, use: str, *, by: Person) -> HttpResponse:
    """End a use: from now on no version may run for it."""
    found = queries.find_use(queries.find_model(by, key), use)
    commands.retire_use(by=by, use=found, reason=request.POST.get("reason", ""))
    return done(request, f"The use {found.key} has ended: nothing runs for it any more.", f"/models/{key}")
