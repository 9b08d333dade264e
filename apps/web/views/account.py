"""One's own account: password, second factors, sessions, tokens."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import segno
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters

from apps.access import codes, commands, passkeys
from apps.access.federation import identities_of, providers
from apps.access.guards import owes_factor, require_reauthentication
from apps.access.queries import (
    factors_of,
    has_factor,
    own_factor,
    own_token,
    recovery_codes_left,
    session_handle,
    sessions_of,
    tokens_of,
    visible_grants,
)
from apps.web.pages import done, page, reauthenticated_at
from apps.web.views.session import address_of

if TYPE_CHECKING:
    from apps.access.models import Person

NEW_KEY, NEW_PASSKEY = "new_authenticator", "new_passkey"


@page("GET")
def account(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Everything that guards the account of who is signed in."""
    here = session_handle(request.session.session_key)
    told = {
        "factors": factors_of(by),
        "codes_left": recovery_codes_left(by),
        "owes_factor": owes_factor(by),
        "why_no_passkey": passkeys.why_none(),
        "identities": identities_of(by),
        "providers": providers().values(),
        "sessions": [(one, one.handle == here) for one in sessions_of(by)],
        "tokens": tokens_of(by),
        "grants": visible_grants(by).filter(person_id=by.pk),
    }
    return render(request, "access/account.html", told)


@sensitive_post_parameters("old_password", "password")
@page("POST")
def password(request: HttpRequest, *, by: Person) -> HttpResponse:
    """A new password, for who knows the old one; every other session ends."""
    commands.confirm_password(
        by=by, password=request.POST.get("old_password", ""), address=address_of(request)
    )
    commands.change_password(by=by, person=by, password=request.POST.get("password", ""))
    update_session_auth_hash(request, by)
    keep = session_handle(request.session.session_key)
    ended = commands.end_other_sessions(by=by, person=by, keep=keep)
    return done(request, f"Your password is changed. {ended} other sessions were ended.", "/account")


@sensitive_post_parameters("password", "code")
@page("GET", "POST")
def authenticator(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Show a new key as a picture and as text, and keep it once the authenticator shows its code."""
    if request.method == "GET":
        secret = codes.new_secret()
        request.session[NEW_KEY] = base64.b64encode(secret).decode()
        return render(request, "access/authenticator.html", _to_scan(by, secret))
    _prove_oneself(request, by)
    secret = base64.b64decode(request.session.get(NEW_KEY, ""))
    made = commands.add_authenticator(
        by=by, name=request.POST.get("name", ""), secret=secret, code=request.POST.get("code", "")
    )
    del request.session[NEW_KEY]
    return _added(request, made, "The authenticator is kept: signing in asks for its code now.")


def _to_scan(by: Person, secret: bytes) -> dict[str, Any]:
    address = codes.address(secret, account=by.username, issuer="Countersign")
    picture = segno.make(address, error="m").svg_data_uri(scale=4, border=4, light="white")
    spelt = codes.spelt(secret)
    return {
        "picture": picture,
        "spelt": " ".join(spelt[i : i + 4] for i in range(0, len(spelt), 4)),
        "has_factor": has_factor(by),
    }


@sensitive_post_parameters("password", "answer")
@page("GET", "POST")
def passkey(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Let the browser make a passkey, and keep its public part."""
    if request.method == "GET":
        why, options = passkeys.why_none(), ""
        if not why:
            options, request.session[NEW_PASSKEY] = passkeys.ask_to_register(by, factors_of(by))
        return render(
            request, "access/passkey.html", {"why": why, "options": options, "has_factor": has_factor(by)}
        )
    _prove_oneself(request, by)
    found = passkeys.registered(request.session.pop(NEW_PASSKEY, None), request.POST.get("answer", ""))
    made = commands.add_passkey(
        by=by,
        name=request.POST.get("name", ""),
        credential=found.credential,
        key=found.key,
        counter=found.counter,
    )
    return _added(request, made, "The passkey is kept: signing in asks for it now.")


def _prove_oneself(request: HttpRequest, by: Person) -> None:
    """The first factor needs the password; each later one all that a signature needs."""
    if has_factor(by):
        require_reauthentication(reauthenticated_at(request))
        return
    typed = request.POST.get("password", "")
    commands.confirm_password(by=by, password=typed, address=address_of(request))


def _added(request: HttpRequest, made: list[str], sentence: str) -> HttpResponse:
    if not made:
        return done(request, sentence, "/account")
    return render(request, "access/recovery_codes.html", {"codes": made, "sentence": sentence})


@page("POST")
def recovery_codes(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Ten new recovery codes, shown once."""
    require_reauthentication(reauthenticated_at(request))
    made = commands.make_recovery_codes(by=by)
    return _added(request, made, "The former recovery codes are void.")


@page("POST")
def remove_factor(request: HttpRequest, factor_id: int, *, by: Person) -> HttpResponse:
    """Remove one of one's own second factors."""
    held = own_factor(by, factor_id)
    require_reauthentication(reauthenticated_at(request))
    factor = commands.remove_factor(by=by, factor=held)
    return done(request, f"“{factor.name}” is removed.", "/account")


@page("POST")
def end_session(request: HttpRequest, handle: str, *, by: Person) -> HttpResponse:
    """End one of one's own sessions."""
    commands.end_session(by=by, person=by, handle=handle)
    return done(request, "The session is ended.", "/account")


@page("POST")
def end_other_sessions(request: HttpRequest, *, by: Person) -> HttpResponse:
    """End every session of one's own but this one."""
    keep = session_handle(request.session.session_key)
    ended = commands.end_other_sessions(by=by, person=by, keep=keep)
    return done(request, f"{ended} other sessions were ended.", "/account")


@page("POST")
def revoke_token(request: HttpRequest, token_id: int, *, by: Person) -> HttpResponse:
    """Revoke a token of one's own, or one that one issued."""
    token = commands.revoke_token(by=by, token=own_token(by, token_id), reason="by its person")
    return done(request, f"The token {token} is revoked.", "/account")
