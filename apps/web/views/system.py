"""The installation for whoever looks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import require
from apps.access.states import Permission
from apps.deploys.watching.numbers import workers
from apps.deploys.watching.system import gravest, parts
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def system_page(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every part with its colour, in words, and what to do; who works."""
    require(by, Permission.SYSTEM_SEE)
    found = parts()
    context = {"title": "System", "parts": found, "grave": list(gravest(found)), "workers": workers()}
    return render(request, "health/system.html", context)
