"""Signing in by OpenID Connect: the way there, and what has come back. Code flow with PKCE alone."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from apps.access.issuers import LEEWAY, Issuer, IssuerAway, NotBelieved, issuer_at, verified
from apps.access.providers import Provider
from apps.engine.errors import BadInput

VALID_SECONDS = 600
_MOST_GROUPS, _LONGEST_GROUP = 2000, 200
_LONGEST_CODE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a provider vouched for. `groups` is None where the provider is not asked for groups."""

    provider: Provider
    subject: str
    username: str
    name: str
    email: str
    groups: frozenset[str] | None
    two_factors: bool
    directory_id: str
    authenticated_at: int | None
    asked_at: float
    state: str


def begin(provider: Provider, *, back: str, purpose: str) -> tuple[str, dict[str, Any]]:
    """Where to send the browser, and what its session must hold until it returns."""
    issuer = issuer_at(provider.issuer, provider.allowed)
    kept = {
        "provider": provider.key,
        "purpose": purpose,
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
        "at": time.time(),
    }
    return f"{_authorization(issuer)}{urlencode(_question(provider, kept, back))}", kept


def _authorization(issuer: Issuer) -> str:
    url = issuer.place("authorization_endpoint")
    issuer.reachable(url)
    methods = issuer.document().get("code_challenge_methods_supported", ["S256"])
    if not isinstance(methods, list) or "S256" not in methods:
        raise NotBelieved(f"{issuer.url} does not take part in PKCE with S256.")
    return url + ("&" if "?" in url else "?")


def _question(provider: Provider, kept: Mapping[str, Any], back: str) -> dict[str, str]:
    challenge = hashlib.sha256(kept["verifier"].encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": provider.client,
        "redirect_uri": back,
        "scope": " ".join(provider.scopes),
        "state": kept["state"],
        "nonce": kept["nonce"],
        "code_challenge": urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if provider.acr:
        asked["acr_values"] = " ".join(provider.acr)
    if kept["purpose"] == "again":
        asked |= {"prompt": "login", "max_age": "0"}
    return asked


def tried(provider: Provider) -> list[tuple[str, str]]:
    """Ask a provider anew for what it publishes: what was found, or the refusal that people would meet."""
    issuer = Issuer(provider.issuer, provider.allowed)
    issuer.reachable(_authorization(issuer).rstrip("?&"))
    provider_secret = provider.secret()
    issuer.reachable(issuer.place("token_endpoint"))
    return [
        ("Sign-in page", issuer.place("authorization_endpoint")),
        ("Where codes are exchanged", issuer.place("token_endpoint")),
        ("Keys", ", ".join(f"{key.get('kid')} ({key.get('kty')})" for key in issuer.published()) or "none"),
        ("Our secret", "there" if provider_secret else "none: a public client"),
    ]


def answered(provider: Provider, kept: Mapping[str, Any], told: Mapping[str, str], *, back: str) -> Proof:
    """What came back with the browser, followed up and proved; NotBelieved says what does not hold."""
    issuer = issuer_at(provider.issuer, provider.allowed)
    _same_way(issuer, kept, told)
    code = told.get("code", "")
    if not 0 < len(code) <= _LONGEST_CODE:
        raise NotBelieved("The provider sent no code.")
    tokens = _exchanged(provider, issuer, code, kept["verifier"], back)
    claims = verified(
        tokens.get("id_token", ""), issuer=issuer, audience=provider.client, algorithms=provider.algorithms
    )
    _of_this_time(claims, kept)
    if provider.userinfo:
        claims = _userinfo(issuer, tokens, claims) | claims
    return _proof(provider, claims, kept)


def _same_way(issuer: Issuer, kept: Mapping[str, Any], told: Mapping[str, str]) -> None:
    if not 0 <= time.time() - kept["at"] < VALID_SECONDS:
        raise NotBelieved("That took longer than ten minutes; please begin again.")
    if not hmac.compare_digest(told.get("state", "").encode(), kept["state"].encode()):
        raise NotBelieved("This answer belongs to another question (state).")
    must = issuer.document().get("authorization_response_iss_parameter_supported") is True
    if told.get("iss", issuer.url if not must else "") != issuer.url:
        raise NotBelieved("Another provider answered than was asked (iss).")
    if error := told.get("error", ""):
        plain = error if error.isascii() and error.replace("_", "").isalpha() and len(error) < 60 else "no"
        raise NotBelieved(f"The provider says {plain}.")


def _exchanged(provider: Provider, issuer: Issuer, code: str, verifier: str, back: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "client_id": provider.client,
        "code_verifier": verifier,
    }
    headers = {}
    try:
        secret = provider.secret()
    except BadInput as problem:
        raise IssuerAway(str(problem)) from None
    if secret:
        pair = f"{quote(provider.client, safe='')}:{quote(secret, safe='')}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return issuer.send(issuer.place("token_endpoint"), form, headers)


def _of_this_time(claims: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), kept["nonce"].encode()):
        raise NotBelieved("The token answers another question (nonce).")
    if not isinstance(claims["iat"], int | float) or claims["iat"] < kept["at"] - LEEWAY:
        raise NotBelieved("The token was made before it was asked for (iat).")


def _userinfo(issuer: Issuer, tokens: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
    access = tokens.get("access_token")
    if not isinstance(access, str) or not access.isascii() or not access.isprintable():
        raise NotBelieved("The provider sent no access token to ask further with.")
    found = issuer.fetch(issuer.place("userinfo_endpoint"), {"Authorization": f"Bearer {access}"})
    if found.get("sub") != claims["sub"]:
        raise NotBelieved("What the provider says further is of somebody else (sub).")
    return found


def _proof(provider: Provider, claims: Mapping[str, Any], kept: Mapping[str, Any]) -> Proof:
    at = claims.get("auth_time")
    return Proof(
        provider=provider,
        subject=claims["sub"],
        username=_text(claims, provider.username_claim),
        name=_text(claims, "name"),
        email=_text(claims, "email"),
        groups=_groups(claims, provider.groups_claim) if provider.groups_claim else None,
        two_factors=_two_factors(provider, claims),
        directory_id=_text(claims, provider.directory_claim),
        authenticated_at=at if isinstance(at, int) and not isinstance(at, bool) else None,
        asked_at=kept["at"],
        state=kept["state"],
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name, "")
    return found if isinstance(found, str) else ""


def _two_factors(provider: Provider, claims: Mapping[str, Any]) -> bool:
    """Whether the provider names a way of proving that the installation counts as two."""
    methods = claims.get("amr")
    named = methods if isinstance(methods, list) else []
    return any(one in named for one in provider.amr) or claims.get("acr") in provider.acr


def _groups(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """The groups of a claim; without the claim none, and then no role stands on one."""
    found = claims.get(name, [])
    rows = [found] if isinstance(found, str) else found
    if (
        not isinstance(rows, list)
        or len(rows) > _MOST_GROUPS
        or not all(isinstance(one, str) for one in rows)
    ):
        raise NotBelieved(f"The claim {name} is no list of at most {_MOST_GROUPS:,} names of groups.")
    return frozenset(one for one in rows if 0 < len(one) <= _LONGEST_GROUP and "\0" not in one)
