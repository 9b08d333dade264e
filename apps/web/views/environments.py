"""The places where versions run, and what each asks of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.access.guards import may
from apps.access.states import Permission
from apps.deploys import commands
from apps.deploys.demands import demands
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person


@page("GET", "POST")
def environment_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Each environment with the policies in force there; a form declares another."""
    if request.method == "POST":
        key = request.POST.get("key", "")
        commands.declare_environment(by=by, key=key, title=request.POST.get("title", ""))
        return done(request, f"The environment {key} is declared.", "/environments")
    context = {
        "title": "Environments",
        "rows": demands(),
        "may_declare": may(by, Permission.ENVIRONMENT_DECLARE),
    }
    return render(request, "deployments/environments.html", context)
