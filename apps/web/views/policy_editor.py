"""A policy edited on a page: checked while it is typed, offered for release when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now

from apps.access.guards import require_anywhere
from apps.access.states import Permission
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.engine.catalogue import all_checks
from apps.engine.errors import Problem
from apps.gates import commands, queries
from apps.gates.impacts import impact_of
from apps.web.pages import done, page, refusal
from apps.web.policy_editor import sent as forms
from apps.web.policy_editor import starts
from apps.web.policy_editor.look import Look, look_at
from apps.web.policy_editor.pace import Pace, TooFast
from apps.web.policy_editor.parents import Released
from apps.web.policy_editor.sent import Sent
from apps.web.policy_editor.tried import Weakened, weakened

if TYPE_CHECKING:
    from apps.access.models import Person

PACE = Pace()
_COST = {"weaken": 3, "impact": 10, "propose": 10}
# Without script the whole is tried in one answer; with it, a part at a time, and the page shows how far.
_WHOLE, _PART = 20.0, 0.7


@page("GET", "POST")
def edit_policy(request: HttpRequest, policy: str, *, by: Person) -> HttpResponse:
    """The next version of a released policy, as a form and as text."""
    require_anywhere(by, Permission.POLICY_PROPOSE)
    start = starts.of_release(policy, request.GET.get("version", ""))
    if request.method == "POST":
        return _answered(request, by)
    return _drawn(request, forms.begun(start), title=f"Edit {policy}")


@page("GET", "POST")
def new_policy(request: HttpRequest, *, by: Person) -> HttpResponse:
    """A new policy, from nothing or from a copy of another."""
    require_anywhere(by, Permission.POLICY_PROPOSE)
    if request.method == "POST":
        return _answered(request, by)
    start, name = request.GET.get("start", ""), request.GET.get("id", "").strip()
    if not start:
        return _choice(request)
    try:
        begun = starts.new(start=start, policy=name, title=request.GET.get("title", ""), today=now().date())
    except Invalid as error:
        return _choice(request, wrong=str(error), status=422)
    return _drawn(request, forms.begun(begun), title=f"New policy {name}")


def _choice(request: HttpRequest, *, wrong: str = "", status: int = 200) -> HttpResponse:
    releases = queries.released_policies()
    context = {
        "title": "Write a policy",
        "released": sorted({r.policy: r for r in releases}.items()),
        "shipped": [files.id for files in starts.shipped()],
        "wrong": wrong,
        "typed": request.GET,
    }
    return render(request, "policies/start.html", context, status=status)


def _answered(request: HttpRequest, by: Person) -> HttpResponse:
    sent = forms.read(request.POST.dict())
    try:
        PACE.take(by.pk, _COST.get(sent.do, 1))
    except TooFast as error:
        return refusal(request, error, 429)
    sent = forms.done(sent, library=Released())
    return _proposed(request, by, sent) if sent.do == "propose" else _checked(request, by, sent)


def _proposed(request: HttpRequest, by: Person, sent: Sent) -> HttpResponse:
    """To the page of the proposal; where it is refused, the page stands with all that was typed."""
    files = {name: text.encode() for name, text in sent.cases.items() if text.strip()}
    try:
        offered = commands.propose_policy(by=by, data=sent.text.encode(), cases=files, note=sent.note)
    except (Refused, Problem) as error:
        status = (
            403 if isinstance(error, Forbidden) else 422 if isinstance(error, (Invalid, Problem)) else 409
        )
        return _drawn(request, sent, status=status, refused_proposal=str(error))
    told = f"{offered} is offered for release; a second person releases it."
    return done(request, told, f"/policies/proposals/{offered.pk}")


def _status(error: Exception) -> int:
    if isinstance(error, Forbidden):
        return 403
    return 422 if isinstance(error, (Invalid, Problem)) else 409


def _checked(request: HttpRequest, by: Person, sent: Sent) -> HttpResponse:
    more: dict[str, Any] = {}
    look = look_at(sent.text, sent.cases)
    if sent.do == "impact" and look.policy is not None:
        more["impact"] = impact_of(by=by, data=sent.text.encode()).as_json()
    if sent.do == "weaken" and look.policy is not None:
        more["weakened"] = _weakened(request, look, sent)
    return _drawn(request, sent, look=look, **more)


def _weakened(request: HttpRequest, look: Look, sent: Sent) -> Weakened | None:
    """None where no case could be read: then every weakening would pass unnoticed."""
    if look.policy is None or not look.tried.cases:
        return None
    seconds = _PART if request.headers.get("HX-Request") else _WHOLE
    return weakened(look.policy, look.tried.cases, start=sent.start, seconds=seconds)


def _drawn(
    request: HttpRequest, sent: Sent, *, look: Look | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "title": "Edit a policy",
        "sent": sent,
        "look": look or look_at(sent.text, sent.cases),
        "checks": all_checks().values(),
        "address": request.get_full_path() if request.method == "GET" else request.path,
        **more,
    }
    part = "policies/editor/form.html" if request.headers.get("HX-Request") else "policies/editor.html"
    return render(request, part, context, status=status)
