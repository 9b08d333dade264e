"""The challenge log: an entry with its thread, a model's whole log, and adding to it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require, why_not
from apps.access.states import Permission
from apps.approvals import commands
from apps.approvals.challenges import find_challenge, thread_of, visible_challenges
from apps.inventory.queries import find_model
from apps.reports import challenges
from apps.web.challenges import MOST
from apps.web.pages import done, page, referring

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def model_log(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """Everything said of a model."""
    model = find_model(by, key)
    require(by, Permission.EVIDENCE_SEE, model)
    rows = challenges.on_anything(by, model)
    context = {
        "title": f"Challenge log of {model.key}",
        "model": model,
        "threads": challenges.threads(rows, most=MOST),
        "more": rows.count() > MOST,
        "most": MOST,
    }
    return render(request, "challenges/list.html", context)


@page()
def entry_page(request: HttpRequest, entry_id: UUID, *, by: Person) -> HttpResponse:
    """The thread that an entry belongs to, and an answer to it."""
    row = find_challenge(by, entry_id)
    first = thread_of(by, row)[0]
    rows = visible_challenges(by).filter(pk__in=[one.pk for one in thread_of(by, row)])
    context = {
        "title": f"Challenge log: {first.thing_name}",
        "row": first,
        "address": challenges.address(first),
        "threads": challenges.threads(rows),
        "why_not": why_not(require, by, Permission.COMMENT_ADD, first.model),
    }
    return render(request, "challenges/record.html", context)


@page("POST")
def add(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Ask or remark something on what a page shows."""
    thing, _, key = request.POST.get("about", "").partition(":")
    about = challenges.find_about(by, thing, key)
    said, text = request.POST.get("said", ""), request.POST.get("text", "")
    made = commands.challenge(by=by, about=about, text=text, said=said)
    back = referring(request).partition("#")[0]
    return done(request, "It stands in the log.", f"{back}#entry-{made.pk}")


@page("POST")
def answer(request: HttpRequest, entry_id: UUID, *, by: Person) -> HttpResponse:
    """Answer an entry."""
    row = find_challenge(by, entry_id)
    made = commands.challenge(
        by=by, about=challenges.again(by, row), text=request.POST.get("text", ""), answers=row
    )
    return done(request, "Your answer stands in the log.", f"/challenges/{row.pk}#entry-{made.pk}")
