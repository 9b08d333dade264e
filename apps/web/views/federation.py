"""Signing in by another's word: the way to a provider and back, and the link between two accounts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.access import commands, oidc
from apps.access.federation import FEDERATED, find_provider, identities_of, own_identity, providers
from apps.access.guards import require_reauthentication
from apps.access.queries import signed_in
from apps.audit.context import authenticated
from apps.audit.errors import Forbidden, NotFound, Refused
from apps.audit.retrying import retried
from apps.web.pages import REAUTHENTICATED, TWO_FACTORS, done, own_path, page, reauthenticated_at, refusal
from apps.web.views.session import half_in, let_in, onward_of

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.access.oidc import Proof

ASKED, PENDING = "asked_of_provider", "pending_link"
_PURPOSES = ("again", "link")
_PENDING_SECONDS = 600


@never_cache
@require_GET
def begin(request: HttpRequest, provider: str) -> HttpResponse:
    """Send the browser to a provider: to sign in, to confirm who is signed in, or to link two accounts."""
    purpose = request.GET.get("for", "in")
    by = signed_in(request.user)
    try:
        found = find_provider(provider)
        if purpose in _PURPOSES and by is None:
            raise Forbidden("Sign in first.")
        place, kept = oidc.begin(found, back=_back(provider), purpose=purpose)
    except NotFound as error:
        return refusal(request, error, 404)
    except Refused as error:
        return _sorry(request, error, purpose, onward_of(request))
    request.session[ASKED] = {**kept, "next": onward_of(request)}
    return redirect(place)


def _back(provider: str) -> str:
    """Where a provider sends the browser back to; it must know this very address."""
    return f"{settings.BASE_URL}/sign-in/with/{quote(provider)}/back"


@never_cache
@require_GET
def back(request: HttpRequest, provider: str) -> HttpResponse:
    """A browser that a provider sent back: what it carries is followed up, and counts once."""
    kept = request.session.pop(ASKED, None)
    if kept is None or kept["provider"] != provider or provider not in providers():
        sentence = "Nobody here asked for this answer, or it was used before. Please begin again."
        return _sorry(request, Forbidden(sentence), "in", "/")
    purpose, onward = kept["purpose"], own_path(request, kept["next"]) or "/"
    try:
        proof = oidc.answered(find_provider(provider), kept, request.GET.dict(), back=_back(provider))
        authenticated(method="oidc", mfa=proof.two_factors)
        return _followed(request, proof, purpose, onward)
    except Refused as error:
        return _sorry(request, error, purpose, onward)


def _followed(request: HttpRequest, proof: Proof, purpose: str, onward: str) -> HttpResponse:
    by = signed_in(request.user)
    if purpose == "in":
        return _enter(request, proof, onward)
    if by is None:
        raise Forbidden("The session ended meanwhile. Please begin again.")
    return _confirm(request, by, proof, onward) if purpose == "again" else _offer(request, by, proof)


def _enter(request: HttpRequest, proof: Proof, onward: str) -> HttpResponse:
    try:
        entered = retried(lambda: commands.sign_in_federated(proof=proof))
    except commands.SecondFactorNeeded as needed:
        return half_in(request, needed.person, onward, _told(needed.person, proof))
    entered.person.proved_twice = proof.two_factors
    for sentence in entered.refused:
        messages.warning(request, f"A role of your groups was not given: {sentence}", extra_tags="warn")
    told = _told(entered.person, proof)
    return let_in(request, entered.person, onward, two=proof.two_factors, federated=told)


def _told(person: Person, proof: Proof) -> dict[str, Any]:
    """What the session holds of how it was opened."""
    identity = identities_of(person).get(issuer=proof.provider.issuer, subject=proof.subject)
    return {"provider": proof.provider.key, "identity": identity.pk, "two_factors": proof.two_factors}


def _confirm(request: HttpRequest, by: Person, proof: Proof, onward: str) -> HttpResponse:
    try:
        commands.reauthenticate_federated(by=by, proof=proof)
    except commands.SecondFactorNeeded:
        return half_in(request, by, onward, request.session.get(FEDERATED))
    request.session.cycle_key()
    request.session[REAUTHENTICATED] = timezone.now().isoformat()
    request.session[TWO_FACTORS] = proof.two_factors
    return redirect(onward)


def _offer(request: HttpRequest, by: Person, proof: Proof) -> HttpResponse:
    """Nothing is linked before its person has seen what: somebody else may be signed in at the provider."""
    request.session[PENDING] = {
        "provider": proof.provider.key,
        "subject": proof.subject,
        "state": proof.state,
        "shown": proof.email or proof.username or proof.name,
        "person": by.pk,
        "at": time.time(),
    }
    return redirect("/account/link")


@page("GET", "POST")
def link(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Show whom a provider vouched for, and link that account to one's own when its person says so."""
    kept = request.session.get(PENDING) or {}
    if kept.get("person") != by.pk or not 0 <= time.time() - kept["at"] < _PENDING_SECONDS:
        raise NotFound("There is nothing to link; begin under Your account.")
    provider = find_provider(kept["provider"])
    if request.method == "GET":
        return render(request, "access/link.html", {"provider": provider, "kept": kept})
    require_reauthentication(reauthenticated_at(request))
    del request.session[PENDING]
    commands.link_identity(by=by, person=by, provider=provider, subject=kept["subject"], state=kept["state"])
    return done(request, f"You can sign in with {provider.title} now.", "/account")


@page("POST")
def unlink(request: HttpRequest, identity_id: int, *, by: Person) -> HttpResponse:
    """End a link of one's own."""
    identity = own_identity(by, identity_id)
    require_reauthentication(reauthenticated_at(request))
    commands.unlink_identity(by=by, identity=identity)
    return done(request, "The link is ended.", "/account")


def _sorry(request: HttpRequest, error: Refused, purpose: str, onward: str) -> HttpResponse:
    """Back to where it was asked for, with the sentence."""
    if purpose in _PURPOSES and signed_in(request.user) is not None:
        messages.error(request, str(error), extra_tags="bad")
        return redirect("/account" if purpose == "link" else f"/reauthenticate?next={quote(onward)}")
    told = {"next": onward, "sentence": str(error), "providers": providers().values()}
    return render(request, "access/sign_in.html", told, status=403)
