"""Policies: released ones, drafts offered for release, and what a draft would change."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.access.guards import require_anywhere, why_not
from apps.access.states import Permission
from apps.audit.errors import Invalid
from apps.gates import commands, guards, queries
from apps.gates.clock import database_now
from apps.gates.impacts import still_fillable
from apps.gates.sharing import used_by
from apps.reports.supersession import superseded
from apps.web.pages import done, page
from apps.web.policy_editor.record import released_look
from apps.web.views.reviews import require_fresh

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.gates.models import PolicyProposal


@page()
def policy_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """What is offered for release, then every released policy, the newest version of each first."""
    context = {
        "title": "Policies",
        "proposals": queries.open_proposals(),
        "rows": queries.released_policies(),
        "why_not_propose": why_not(require_anywhere, by, Permission.POLICY_PROPOSE),
    }
    return render(request, "policies/list.html", context)


@page()
def policy_page(request: HttpRequest, policy: str, version: str = "", *, by: Person) -> HttpResponse:
    """One released policy, without a version the newest: what it asks, its gates, cases and versions."""
    release = queries.find_policy(policy, version)
    context = {
        "title": str(release),
        "release": release,
        "text": bytes(release.text).decode(),
        "why_not_propose": why_not(require_anywhere, by, Permission.POLICY_PROPOSE),
        "used_by": used_by(release.policy),
        **released_look(release, against=request.GET.get("against", "")),
    }
    return render(request, "policies/record.html", context)


@page("GET", "POST")
def propose(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Write a policy and its cases, or take a released one as the start; offer it for release."""
    require_anywhere(by, Permission.POLICY_PROPOSE)
    if request.method == "POST":
        return _offered(request, by)
    context = {"title": "Propose a policy", **_start(request.GET.get("from", ""))}
    return render(request, "policies/propose.html", context)


def _start(name: str) -> dict[str, str]:
    if not name:
        return {"text": "", "cases": "", "start": ""}
    release = queries.find_policy(*name.partition("@")[::2])
    offered = release.proposal
    cases = offered.cases if offered else {}
    return {
        "text": bytes(release.text).decode(),
        "cases": "---\n".join(cases.values()),
        "start": str(release),
    }


def _offered(request: HttpRequest, by: Person) -> HttpResponse:
    text, cases = (_lines(request.POST.get(name, "")) for name in ("text", "cases"))
    if not text.strip():
        raise Invalid("Please write the policy, or paste its file.", field="text")
    files = {f"cases-{i}.yaml": part.encode() for i, part in enumerate(_parts(cases), start=1)}
    note = request.POST.get("note", "")
    proposal = commands.propose_policy(by=by, data=text.encode(), cases=files, note=note)
    told = f"{proposal} is offered for release; a second person releases it."
    return done(request, told, f"/policies/proposals/{proposal.pk}")


def _lines(text: str) -> str:
    """A form sends lines as CR LF; a policy's bytes have LF."""
    return text.replace("\r\n", "\n")


def _parts(text: str) -> list[str]:
    """The files of cases, set apart by lines of three dashes."""
    parts = f"\n{text}".split("\n---\n")
    return [part.strip("\n") + "\n" for part in parts if part.strip()]


@page()
def proposal_page(request: HttpRequest, proposal_id: UUID, *, by: Person) -> HttpResponse:
    """What a second person must see before releasing: cases, changes in words, impact."""
    proposal = queries.find_proposal(proposal_id)
    context = {
        "title": str(proposal),
        "proposal": proposal,
        "release": getattr(proposal, "release", None),
        "text": bytes(proposal.text).decode(),
        "impact": proposal.shown["impact"],
        "superseded": superseded(proposal, now=database_now(), by=by),
        "why_not_release": _why_not_release(by, proposal),
    }
    return render(request, "policies/proposal.html", context)


def _why_not_release(by: Person, proposal: PolicyProposal) -> str:
    return (
        why_not(require_anywhere, by, Permission.POLICY_RELEASE)
        or why_not(guards.two_people, by, proposal.proposed_by)
        or why_not(still_fillable, proposal)
    )


@page("POST")
def release(request: HttpRequest, proposal_id: UUID, *, by: Person) -> HttpResponse:
    """Release what another person proposed; asks for the password again."""
    proposal = queries.find_proposal(proposal_id)
    require_anywhere(by, Permission.POLICY_RELEASE)
    guards.two_people(by, proposal.proposed_by)
    if require_fresh(request):
        return redirect(f"/reauthenticate?next=/policies/proposals/{proposal_id}")
    made = commands.release_proposal(by=by, proposal=proposal)
    left = " ".join(one.sentence() for one in superseded(made, now=database_now(), by=by))
    return done(request, f"{made} is released. {left}".strip(), f"/policies/{made.policy}/{made.version}")
