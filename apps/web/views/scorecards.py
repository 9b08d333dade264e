"""Scorecards: the one in force, drafts with the models that would move, release by a second person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.access.guards import require, why_not
from apps.access.states import Permission
from apps.audit.errors import Invalid
from apps.inventory import commands, guards, scorecards
from apps.web.pages import done, page
from apps.web.views.reviews import require_fresh

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.inventory.models import ScorecardProposal


@page()
def scorecard_page(request: HttpRequest, *, by: Person) -> HttpResponse:
    """The scorecard in force, those offered, those before."""
    context = {
        "title": "Scorecard",
        "card": scorecards.scorecard(),
        "release": scorecards.newest_release(),
        "proposals": scorecards.open_proposals(),
        "releases": scorecards.releases(),
        "why_not_propose": why_not(require, by, Permission.POLICY_PROPOSE),
    }
    return render(request, "scorecards/record.html", context)


@page("GET", "POST")
def propose(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Write a draft, see who would move, offer it."""
    require(by, Permission.POLICY_PROPOSE)
    text = request.POST.get("text", "").replace("\r\n", "\n")
    if request.method == "POST" and not text.strip():
        raise Invalid("Please write the scorecard, or paste its file.", field="text")
    if request.method == "POST" and request.POST.get("act") == "offer":
        made = commands.propose_scorecard(by=by, data=text.encode(), note=request.POST.get("note", ""))
        told = f"{made} is offered for release; a second person releases it."
        return done(request, told, f"/scorecard/proposals/{made.pk}")
    return render(request, "scorecards/propose.html", _draft(request, by, text))


def _draft(request: HttpRequest, by: Person, text: str) -> dict[str, Any]:
    context = {"title": "Propose a scorecard", "note": request.POST.get("note", "")}
    if text:
        found = scorecards.impact_of(by=by, data=text.encode())
        return {**context, "text": text, "impact": found}
    return {**context, "text": scorecards.text_in_force(), "impact": None}


@page()
def proposal_page(request: HttpRequest, proposal_id: UUID, *, by: Person) -> HttpResponse:
    """What a second person must see before releasing: cases, changes in words, models that move."""
    proposal = scorecards.find_proposal(proposal_id)
    context = {
        "title": str(proposal),
        "proposal": proposal,
        "release": getattr(proposal, "release", None),
        "shown": scorecards.shown_to(by, proposal),
        "text": bytes(proposal.text).decode(),
        "why_not_release": _why_not_release(by, proposal),
    }
    return render(request, "scorecards/proposal.html", context)


def _why_not_release(by: Person, proposal: ScorecardProposal) -> str:
    return why_not(require, by, Permission.POLICY_RELEASE) or why_not(
        guards.two_people, by, proposal.proposed_by
    )


@page("POST")
def release(request: HttpRequest, proposal_id: UUID, *, by: Person) -> HttpResponse:
    """Release what another person proposed; asks for the password again."""
    proposal = scorecards.find_proposal(proposal_id)
    require(by, Permission.POLICY_RELEASE)
    guards.two_people(by, proposal.proposed_by)
    if require_fresh(request):
        return redirect(f"/reauthenticate?next=/scorecard/proposals/{proposal_id}")
    made = commands.release_scorecard(by=by, proposal=proposal)
    return done(request, f"{made} is released and judges from now on.", "/scorecard")
