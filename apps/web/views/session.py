"""Signing in, proving it again before a signature, signing out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.access import commands
from apps.access.throttle import Throttled
from apps.audit.errors import Refused
from apps.web.pages import REAUTHENTICATED, own_path, page

if TYPE_CHECKING:
    from apps.access.models import Person


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with name and password; wrong tries are slowed, and the answer never says which was wrong."""
    onward = _onward(request)
    if request.method == "GET":
        return render(request, "access/sign_in.html", {"next": onward})
    username = request.POST.get("username", "")
    try:
        person = commands.sign_in(
            username=username, password=request.POST.get("password", ""), address=_address(request)
        )
    except Refused as error:
        told = {"next": onward, "sentence": str(error), "username": username}
        return _refused(request, "access/sign_in.html", told, error)
    login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    request.session[REAUTHENTICATED] = timezone.now().isoformat()
    return redirect(onward)


def _onward(request: HttpRequest) -> str:
    return own_path(request, request.POST.get("next") or request.GET.get("next") or "") or "/"


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _refused(request: HttpRequest, template: str, told: dict[str, str], error: Refused) -> HttpResponse:
    if not isinstance(error, Throttled):
        return render(request, template, told, status=403)
    response = render(request, template, told, status=429)
    response.headers["Retry-After"] = str(error.seconds)
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("/sign-in")


@sensitive_post_parameters("password")
@page("GET", "POST")
def reauthenticate(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Ask for the password again before a signature; the session gets a new name with it."""
    onward = _onward(request)
    if request.method == "GET":
        return render(request, "access/reauthenticate.html", {"next": onward})
    try:
        commands.reauthenticate(by=by, password=request.POST.get("password", ""), address=_address(request))
    except Refused as error:
        return _refused(
            request, "access/reauthenticate.html", {"next": onward, "sentence": str(error)}, error
        )
    request.session.cycle_key()
    request.session[REAUTHENTICATED] = timezone.now().isoformat()
    return redirect(onward)
