"""Who a pipeline is, by the token that its platform signed: numbers that never change, never names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from apps.access.issuers import LEEWAY, Issuer, NotBelieved, issuer_at, verified
from apps.access.models import Person
from apps.audit.errors import Forbidden
from apps.deploys.integrations import heard, reading, service_accounts
from apps.deploys.models import Binding, Integration
from apps.outside.permits import Permits

__all__ = ["LEEWAY", "NotBelieved", "Recognised", "looks_like_one", "proved"]

ALGORITHMS = ("RS256", "ES256")
LONGEST = 16 * 1024
NEVER = frozenset(
    {"pull_request", "pull_request_target", "merge_request_event", "external_pull_request_event"}
)


@dataclass(frozen=True, slots=True)
class _Claims:
    """Where a platform says what."""

    source: str
    owner: str
    event: str
    shown: tuple[str, ...]


_FLAVOURS: Mapping[str, _Claims] = {
    "github": _Claims(
        "repository_id",
        "repository_owner_id",
        "event_name",
        ("run_id", "run_attempt", "ref", "sha", "job_workflow_ref", "runner_environment"),
    ),
    "gitlab": _Claims(
        "project_id",
        "namespace_id",
        "pipeline_source",
        ("pipeline_id", "job_id", "ref", "sha", "ref_protected"),
    ),
}


@dataclass(frozen=True, slots=True)
class Recognised:
    """A pipeline or a cluster whose token held: as whom it asks, and of which models it may.

    `again`: the same token may come for another request, for it lies in a file of a pod.
    """

    integration: Integration
    source: str
    place: str
    jti: str
    told: Mapping[str, str]
    again: bool = False

    @property
    def account(self) -> Person:
        """The service account that it asks as."""
        return self.integration.account

    def permit(self, model: str, environment: str) -> Binding:
        """The binding by which this pipeline may ask of a model and an environment; Forbidden without."""
        rows = reading.bound(self.integration, self.source, self.place)
        for row in rows:
            if row.source and (row.model.key, row.environment.key) == (model, environment):
                return row
        raise Forbidden(
            f"The pipeline {self.source} may not ask of that model for that environment: nothing binds them."
        )

    def permit_place(self, environment: str) -> None:
        """Forbidden where nothing binds this pipeline or cluster to the environment."""
        rows = reading.bound(self.integration, self.source, self.place)
        if not any(row.source and row.environment.key == environment for row in rows):
            raise Forbidden(f"{self.source} may not speak of that environment: nothing binds them.")


def looks_like_one(raw: str) -> bool:
    """Whether a bearer is a token of an issuer, and not one of ours."""
    return raw.count(".") == 2 and len(raw) <= LONGEST and raw.isascii()


def proved(raw: str) -> Recognised:
    """The pipeline that a token speaks of, once everything about it holds; NotBelieved otherwise."""
    for row in _trusting(raw):
        claims = verified(raw, issuer=_issuer(row), audience=row.settings["audience"], algorithms=ALGORITHMS)
        return _cluster(row, claims, raw) if row.kind == service_accounts.KIND else _recognised(row, claims)
    raise NotBelieved("Nobody here trusts the issuer of this token for its audience.")


def _issuer(row: Integration) -> Issuer:
    """With the keys that were given; else it is asked for them, at the hosts that were named."""
    given = service_accounts.given_issuer(row) if row.kind == service_accounts.KIND else None
    return given or issuer_at(row.settings["issuer"], Permits.of(row.hosts).allowed)


def _cluster(row: Integration, claims: Mapping[str, Any], raw: str) -> Recognised:
    source, told = service_accounts.account_of(claims)
    place, _, _ = source.partition("/")
    return Recognised(row, source, place, service_accounts.once(claims, raw), told, again=True)


def _trusting(raw: str) -> list[Integration]:
    """The integrations of the issuer and audience that the token names; what it names is proved later."""
    try:
        told = jwt.decode(raw, options={"verify_signature": False})
    except (PyJWTError, ValueError, RecursionError):
        raise NotBelieved("The token cannot be read.") from None
    issuer, audience = told.get("iss"), told.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        (audience,) = audience  # as clusters write it
    if not isinstance(issuer, str) or not isinstance(audience, str):
        raise NotBelieved("The token names no single issuer and audience.")
    rows = Integration.objects.select_related("account").filter(
        kind__in=("ci-oidc", service_accounts.KIND), enabled=True, account__is_active=True
    )
    found = [r for r in rows if (r.settings.get("issuer"), r.settings.get("audience")) == (issuer, audience)]
    if len(found) > 1:
        raise NotBelieved("Several integrations trust this issuer for this audience; one must be ended.")
    return found


def _recognised(row: Integration, claims: Mapping[str, Any]) -> Recognised:
    names = _FLAVOURS[row.settings["flavour"]]
    source, owner = _number(claims, names.source), _number(claims, names.owner)
    if not source:
        raise NotBelieved(f"The token names no {names.source}.")
    if (owners := row.settings.get("owners", "").split()) and owner not in owners:
        raise NotBelieved(f"The token's {names.owner} is none of those that this integration trusts.")
    event = str(claims.get(names.event, ""))
    if event in NEVER or event not in row.settings["events"].split():
        raise NotBelieved(f"A pipeline of the event {event[:40]!r} may not ask: anybody can start one.")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= 300:
        raise NotBelieved("The token has no jti, so that it could be taken once.")
    told = {name: found for name in names.shown if (found := heard.text(dict(claims), name))}
    place = heard.text(dict(claims), "environment")
    return Recognised(row, source, place, hashlib.sha256(jti.encode()).hexdigest(), told)


def _number(claims: Mapping[str, Any], name: str) -> str:
    """Platforms write their numbers as text."""
    value = str(claims.get(name, ""))
    return value if value.isascii() and value.isdigit() and len(value) <= 20 else ""
