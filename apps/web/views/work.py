"""My work: what waits for me, what I wait for, what ends soon."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.campaigns import waiting_for as roles_asked
from apps.access.guards import may_anywhere
from apps.access.queries import permissions_anywhere, visible_models
from apps.access.states import Permission
from apps.approvals import guards, queries
from apps.approvals.challenges import calls_on
from apps.approvals.rounds import waiting_for
from apps.audit.errors import Refused
from apps.deploys import glass
from apps.gates.queries import (
    missed_schedules,
    open_proposals,
    runs_with_outcomes,
    waiting_for_consent,
)
from apps.gates.queue import dead_runs
from apps.inventory import scorecards
from apps.inventory.determinations import asked_again
from apps.inventory.documents import ending
from apps.inventory.queries import has_registered
from apps.notices.queries import to_agree
from apps.web.beginnings import beginnings
from apps.web.pages import page
from apps.web.views.runs import may_not_consent

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.approvals.models import Approval, WaiverRequest
    from apps.deploys.models import GlassRequest

MOST = 25  # lines of what waits; the rest follows once these are done


@page()
def home(request: HttpRequest, *, by: Person) -> HttpResponse:
    """The first screen after signing in."""
    waiting = [a for a in queries.might_sign(by)[:MOST] if may_sign(by, a)]
    findings = list(queries.my_findings(by))
    requests = [r for r in queries.open_waiver_requests(by) if may_grant(by, r)]
    attest = list(waiting_for(by)[:MOST])
    again, calls = asked_again(by), calls_on(by)
    consents = [run for run in waiting_for_consent(by)[:MOST] if not may_not_consent(by, run)]
    release, answer = to_release(by), to_answer(by)
    due: tuple[Sized, ...] = (waiting, findings, requests, calls, again, consents, attest, release, answer)
    context = {
        "title": "My work",
        "asked_again": again,
        "calls": calls,
        "waiting": waiting,
        "findings": findings,
        "waiver_requests": requests,
        "attest": attest,
        "release": release,
        "answer": answer,
        "beginnings": beginnings(permissions_anywhere(by)),
        "sees_models": may_anywhere(by, Permission.MODEL_SEE),
        "i_wait_for": list(queries.my_submissions(by)),
        "expiring": queries.expiring(by),
        "documents_ending": ending(by),
        "consents": consents,
        "runs": runs_with_outcomes(by)[:8],
        "dead": list(dead_runs(by)[:MOST]),
        "broken": glass.holding_now(by),
        "roles_asked": list(roles_asked(by)[:MOST]),
        "missed": list(missed_schedules(by)[:MOST]),
        "first_hour": may_anywhere(by, Permission.MODEL_REGISTER) and not has_registered(by),
        "models_count": visible_models(by).count(),
        "due_count": sum(map(len, due)),
    }
    return render(request, "work/home.html", context)


def to_release(by: Person) -> list[tuple[str, object]]:
    """What somebody else offers for release, where this person may release it."""
    if not may_anywhere(by, Permission.POLICY_RELEASE):
        return []
    policies = [("policies", row, row.proposed_by) for row in open_proposals()[:MOST]]
    cards = [("scorecard", row, row.proposed_by) for row in scorecards.open_proposals()[:MOST]]
    return [(place, row) for place, row, author in (*policies, *cards) if author.identity != by.identity]


def to_answer(by: Person) -> list[tuple[str, object]]:
    """A break-glass that waits for its second person, an endpoint that waits for its owner to agree."""
    asked: list[tuple[str, object]] = []
    if may_anywhere(by, Permission.BREAK_GLASS_GRANT):
        waiting = [row for row in glass.visible(by)[:MOST] if glass.stands(row) == "waits"]
        asked += [("glass", row) for row in waiting if may_break(by, row)]
    return [*asked, *(("endpoint", row) for row in to_agree(by)[:MOST])]


def may_break(by: Person, request: GlassRequest) -> bool:
    """Whether this person may be the second one."""
    try:
        glass.may_agree(by, request)
    except Refused:
        return False
    return True


def may_sign(by: Person, approval: Approval) -> bool:
    """Whether this person may sign now."""
    try:
        guards.can_sign(by, approval)
    except Refused:
        return False
    return True


def may_grant(by: Person, request: WaiverRequest) -> bool:
    """Whether this person may grant this waiver."""
    try:
        guards.grantable(by, request)
    except Refused:
        return False
    return True


@page()
def help_page(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Words, roles and keys."""
    return render(request, "work/help.html", {"title": "Help"})
