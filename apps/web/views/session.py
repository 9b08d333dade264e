"""Signing in, proving it again before a signature, signing out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.access import commands, passkeys
from apps.access.federation import FEDERATED, identities_of, providers
from apps.access.guards import owes_factor
from apps.access.queries import OPENED, factors_of, find_active_person, has_factor, signed_in
from apps.access.throttle import Throttled
from apps.audit.context import authenticated
from apps.audit.errors import Refused
from apps.audit.retrying import retried
from apps.web.pages import REAUTHENTICATED, TWO_FACTORS, own_path, page

if TYPE_CHECKING:
    from apps.access.models import Person

HALF = "half_signed_in"
ASKED = "asked_of_passkey"
_HALF_SECONDS = 300


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with name and password; wrong tries are slowed, and the answer never says which was wrong."""
    onward, known = onward_of(request), providers().values()
    if request.method == "GET":
        return render(request, "access/sign_in.html", {"next": onward, "providers": known})
    username = request.POST.get("username", "")
    try:
        person = retried(
            lambda: commands.sign_in(
                username=username, password=request.POST.get("password", ""), address=address_of(request)
            )
        )
    except commands.SecondFactorNeeded as needed:
        return half_in(request, needed.person, onward)
    except Refused as error:
        told = {"next": onward, "sentence": str(error), "username": username, "providers": known}
        return refused(request, "access/sign_in.html", told, error)
    return let_in(request, person, onward, two=False)


def half_in(
    request: HttpRequest, person: Person, onward: str, federated: dict[str, Any] | None = None
) -> HttpResponse:
    """On to the second step; what was proved so far counts for five minutes."""
    request.session.cycle_key()
    request.session[HALF] = {"person": person.pk, "at": time.time(), "next": onward, FEDERATED: federated}
    return redirect("/sign-in/second")


@never_cache
@sensitive_post_parameters("code", "answer")
@require_http_methods(["GET", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """After the password: a code of an authenticator, a recovery code, or a passkey."""
    half, person = _half(request)
    if person is None:
        return redirect("/sign-in")
    authenticated(method="password", mfa=True)
    if request.method == "GET":
        return render(request, "access/second.html", _asking(request, person))
    try:
        _prove_second(request, person)
    except Refused as error:
        told = {**_asking(request, person), "sentence": str(error)}
        return refused(request, "access/second.html", told, error)
    del request.session[HALF]
    onward = own_path(request, half["next"]) or "/"
    return let_in(request, person, onward, two=True, federated=half.get(FEDERATED))


def _half(request: HttpRequest) -> tuple[dict[str, Any], Person | None]:
    """Who gave a right password in this session a moment ago."""
    half = request.session.get(HALF) or {}
    if not 0 <= time.time() - half.get("at", 0) < _HALF_SECONDS:
        return {}, None
    return half, find_active_person(half["person"])


def _prove_second(request: HttpRequest, person: Person) -> None:
    answer, address = request.POST.get("answer", ""), address_of(request)
    if not answer:
        commands.finish_sign_in(person=person, code=request.POST.get("code", ""), address=address)
        return
    key = passkeys.proven(request.session.pop(ASKED, None), factors_of(person), answer)
    commands.finish_by_passkey(person=person, credential=key.credential, counter=key.counter, address=address)


def _asking(request: HttpRequest, person: Person) -> dict[str, Any]:
    """What the forms need that ask for a second factor; a question to a passkey is new on each page."""
    held = list(factors_of(person))
    keys = [one for one in held if one.kind == "passkey"]
    options = ""
    if keys and not passkeys.why_none():
        options, request.session[ASKED] = passkeys.ask_to_prove(keys)
    there = {one.provider for one in identities_of(person)} & providers().keys()
    return {
        "authenticator": len(keys) < len(held),
        "options": options,
        "factors": held,
        "providers": [providers()[key] for key in sorted(there)],
        "has_password": person.has_usable_password(),
    }


def let_in(
    request: HttpRequest,
    person: Person,
    onward: str,
    *,
    two: bool,
    federated: dict[str, Any] | None = None,
) -> HttpResponse:
    """Open the session, under a new name; by which provider, where one vouched."""
    login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    now = timezone.now().isoformat()
    program = request.headers.get("User-Agent", "")[:200]
    request.session[OPENED] = {"at": now, "address": address_of(request), "program": program}
    request.session[TWO_FACTORS] = two
    if federated:
        request.session[FEDERATED] = federated
    if not owes_factor(person):
        request.session[REAUTHENTICATED] = now
    return redirect(onward)


def onward_of(request: HttpRequest) -> str:
    """Where somebody wanted to go: a page of ours."""
    return own_path(request, request.POST.get("next") or request.GET.get("next") or "") or "/"


def address_of(request: HttpRequest) -> str:
    """Where the request came from."""
    return str(request.META.get("REMOTE_ADDR", ""))


def refused(request: HttpRequest, template: str, told: dict[str, Any], error: Refused) -> HttpResponse:
    if not isinstance(error, Throttled):
        return render(request, template, told, status=403)
    response = render(request, template, told, status=429)
    response.headers["Retry-After"] = str(error.seconds)
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    person = signed_in(request.user)
    if person is not None:
        commands.sign_out(by=person)
    logout(request)
    return redirect("/sign-in")


@sensitive_post_parameters("password", "code", "answer")
@page("GET", "POST")
def reauthenticate(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Ask for the proof again before a signature; the session gets a new name with it."""
    told = {"next": onward_of(request)}
    if request.method == "GET":
        return render(request, "access/reauthenticate.html", {**told, **_asking(request, by)})
    try:
        _prove_again(request, by)
    except Refused as error:
        told |= {**_asking(request, by), "sentence": str(error)}
        return refused(request, "access/reauthenticate.html", told, error)
    request.session.cycle_key()
    request.session[REAUTHENTICATED] = timezone.now().isoformat()
    request.session[TWO_FACTORS] = has_factor(by)
    return redirect(told["next"])


def _prove_again(request: HttpRequest, by: Person) -> None:
    answer, address = request.POST.get("answer", ""), address_of(request)
    if not answer:
        password, code = request.POST.get("password", ""), request.POST.get("code", "")
        commands.reauthenticate(by=by, password=password, code=code, address=address)
        return
    key = passkeys.proven(request.session.pop(ASKED, None), factors_of(by), answer)
    commands.reauthenticate_by_passkey(by=by, credential=key.credential, counter=key.counter, address=address)
