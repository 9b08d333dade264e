"""Connecting something: which kinds there are, and what is to be done on both sides, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require
from apps.access.states import Permission
from apps.deploys.integrations import kinds, reading
from apps.deploys.integrations.steps import steps_of
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.deploys.models import Integration


@page()
def new(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every kind; of the chosen one the form and the steps on the other side."""
    require(by, Permission.INTEGRATION_MANAGE)
    chosen = request.GET.get("kind", "")
    kind = kinds.kind_of(chosen) if chosen else None
    context: dict[str, Any] = {
        "title": f"Connect: {kind.title}" if kind else "Connect something",
        "kinds": kinds.KINDS.values(),
        "kind": kind,
        "accounts": reading.accounts(),
        "steps": steps_of(kind.key, address="", base=settings.BASE_URL, settings={}) if kind else [],
    }
    return render(request, "integrations/new.html", context)


def section(row: Integration, address: str) -> dict[str, Any]:
    """The steps of an integration that is set up, and what was heard of it last."""
    return {
        "steps": steps_of(row.kind, address=address, base=settings.BASE_URL, settings=row.settings),
        "heard": row.deliveries.first(),
    }
