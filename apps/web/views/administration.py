"""The home of the administration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.queries import permissions_on
from apps.audit.errors import Forbidden
from apps.web.administration import sections
from apps.web.pages import page

if TYPE_CHECKING:
    from apps.access.models import Person


@page()
def index(request: HttpRequest, *, by: Person) -> HttpResponse:
    """The sections that one may open."""
    found = sections(permissions_on(by))
    if not found:
        raise Forbidden("Nothing of the administration is open to your roles.")
    return render(request, "administration/index.html", {"title": "Administration", "sections": found})
