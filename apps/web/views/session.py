"""Signing in, proving it again before a signature, signing out."""

from __future__ import annotations

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from apps.access import commands
from apps.access.models import Person
from apps.audit.errors import Refused
from apps.web.pages import own_path, page

REAUTHENTICATED = "reauthenticated_at"


@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with name and password; wrong tries are slowed, and the answer never says which was wrong."""
    onward = own_path(request, request.POST.get("next") or request.GET.get("next") or "") or "/"
    if request.method == "GET":
        return render(request, "access/sign_in.html", {"next": onward})
    username = request.POST.get("username", "")
    try:
        person = commands.sign_in(
            username=username, password=request.POST.get("password", ""), address=_address(request)
        )
    except Refused as error:
        told = {"next": onward, "sentence": str(error), "username": username}
        return render(request, "access/sign_in.html", told, status=403)
    login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    request.session[REAUTHENTICATED] = timezone.now().isoformat()
    return redirect(onward)


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("/sign-in")


@page("GET", "POST")
def reauthenticate(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Ask for the password again before a signature."""
    onward = own_path(request, request.POST.get("next") or request.GET.get("next") or "") or "/"
    if request.method == "GET":
        return render(request, "access/reauthenticate.html", {"next": onward})
    try:
        commands.reauthenticate(by=by, password=request.POST.get("password", ""), address=_address(request))
    except Refused as error:
        told = {"next": onward, "sentence": str(error)}
        return render(request, "access/reauthenticate.html", told, status=403)
    request.session[REAUTHENTICATED] = timezone.now().isoformat()
    return redirect(onward)
