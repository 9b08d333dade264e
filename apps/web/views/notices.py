"""One's notices, and what one wants to hear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.notices import commands, queries
from apps.notices.states import TOPICS, Mail, Topic
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person

MOST = 100


@page("GET", "POST")
def listed(request: HttpRequest, *, by: Person) -> HttpResponse:
    """What concerned one lately; what is ticked, or everything, is marked as read."""
    if request.method == "POST":
        named = request.POST.get("notice", "")
        one = queries.find_notice(by, int(named)) if named.isascii() and named.isdigit() else None
        count = commands.read_notices(by=by, notice=one)
        return done(request, f"{count} marked as read.", "/notices")
    rows = queries.notices_of(by)
    only_new = request.GET.get("show") == "unread"
    shown = rows.filter(read_at=None) if only_new else rows
    context = {
        "title": "Notices",
        "rows": [(row, TOPICS[Topic(row.topic)].title) for row in shown[:MOST]],
        "only_new": only_new,
        "agreements": queries.agreements_asked(by),
    }
    return render(request, "notices/list.html", context)


@page("GET", "POST")
def subscriptions(request: HttpRequest, *, by: Person) -> HttpResponse:
    """By topic: in the list or not, by letter or not, about which models."""
    if request.method == "POST":
        sent = request.POST
        commands.subscribe(
            by=by,
            topic=sent.get("topic", ""),
            listed=sent.get("listed") == "on",
            mail=sent.get("mail", ""),
            unit=sent.get("unit", "").strip(),
            model=sent.get("model", "").strip(),
        )
        return done(request, "Your choice is kept.", "/account/notices")
    context = {
        "title": "What you hear of",
        "topics": queries.subscriptions_of(by),
        "mails": [(m, m.replace("_", " ")) for m in Mail],
        "server": bool(settings.MAIL),
    }
    return render(request, "notices/subscriptions.html", context)
