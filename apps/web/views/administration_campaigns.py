"""Reviews of roles: opened, answered grant by grant, closed; who is how far."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.access import campaigns, commands
from apps.access.guards import may, require, require_reauthentication, why_not
from apps.access.queries import find_person
from apps.access.roles import all_roles
from apps.access.states import Permission, Scope
from apps.audit.errors import Forbidden, Invalid
from apps.web.pages import done, page, reauthenticated_at
from apps.web.views.administration_people import day

if TYPE_CHECKING:
    from apps.access.models import CampaignItem, Person

HERE = "/administration/campaigns"
PAGE = 50


@page("GET", "POST")
def campaign_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every review of roles, and a form that opens one."""
    opens, rows = may(by, Permission.CAMPAIGN_OPEN), campaigns.visible(by)
    if request.method == "POST":
        return _opened(request, by)
    if not opens and not rows.exists():
        raise Forbidden("Nobody has asked you about a role.")
    context = {"title": "Reviews of roles", "rows": rows[:PAGE], "opens": opens, "scopes": list(Scope)}
    return render(request, "administration/campaigns.html", context)


def _opened(request: HttpRequest, by: Person) -> HttpResponse:
    require(by, Permission.CAMPAIGN_OPEN)
    require_reauthentication(reauthenticated_at(request))
    posted = request.POST
    due = day(posted.get("due", ""), "due")
    if due is None:
        raise Invalid("Say by which day it is answered.", field="due")
    names = posted.get("reviewers", "").replace(",", " ").split()
    row = commands.open_campaign(
        by=by,
        title=posted.get("title", ""),
        reviewers=[find_person(name) for name in names],
        due=due + timedelta(days=1),
        unanswered=posted.get("unanswered", ""),
        scope=posted.get("scope", ""),
        scope_key=posted.get("scope_key", "").strip(),
    )
    return done(request, f"Opened: {row}.", f"{HERE}/{row.pk}")


@page()
def campaign(request: HttpRequest, campaign_id: int, *, by: Person) -> HttpResponse:
    """One review of roles: the board, and each role with its answer."""
    row, known = campaigns.find(by, campaign_id), all_roles()
    shown = Paginator(campaigns.items(by, row), PAGE).get_page(request.GET.get("page"))
    items = [
        (item, known[item.grant.role].title if item.grant.role in known else item.grant.role, _why(by, item))
        for item in shown.object_list
    ]
    context = {
        "title": row.title,
        "row": row,
        "board": campaigns.board(row) if may(by, Permission.CAMPAIGN_OPEN) else [],
        "shown": shown,
        "items": items,
        "closes": may(by, Permission.CAMPAIGN_OPEN) and row.closed_at is None,
        "late": row.closed_at is None and row.due <= timezone.now(),
    }
    return render(request, "administration/campaign.html", context)


def _why(by: Person, item: CampaignItem) -> str:
    return why_not(campaigns.may_answer, by, item)


@page("POST")
def answer(request: HttpRequest, item_id: int, *, by: Person) -> HttpResponse:
    """Keep a role or end it."""
    item = campaigns.find_item(by, item_id)
    kind = request.POST.get("answer", "")
    if kind not in ("keep", "end"):
        raise Invalid("Say whether the role is kept or ended.", field="answer")
    commands.answer_item(by=by, item=item, keep=kind == "keep", reason=request.POST.get("reason", ""))
    told = "kept" if kind == "keep" else "ended"
    return done(request, f"{item.grant} is {told}.", f"{HERE}/{item.campaign_id}")


@page("POST")
def close(request: HttpRequest, campaign_id: int, *, by: Person) -> HttpResponse:
    """Close it, once every role is answered for."""
    row = campaigns.find(by, campaign_id)
    commands.close_campaign(by=by, campaign=row)
    return done(request, "Closed: the account of all answers is sealed.", f"{HERE}/{row.pk}")
