"""Pipelines that come with the identity that their platform signed, where the deploy gate is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

from apps.access.issuers import IssuerAway
from apps.api.endpoints import caller
from apps.api.problems import ApiProblem
from apps.audit.context import authenticated
from apps.deploys import commands
from apps.deploys.integrations.identities import NotBelieved, Recognised, looks_like_one, proved

if TYPE_CHECKING:
    from apps.access.models import Person


def asking(request: HttpRequest) -> Person:
    """Whoever asks the deploy gate: a pipeline by its identity, or anybody the API knows."""
    scheme, _, raw = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not looks_like_one(raw.strip()):
        return caller(request)
    try:
        found = proved(raw.strip())
        if request.method == "POST":
            key = request.headers.get("Idempotency-Key", "")
            commands.use_identity(by=found.account, identity=found, request=key)
    except NotBelieved as error:
        raise ApiProblem(401, str(error), code=error.code, headers={"WWW-Authenticate": "Bearer"}) from None
    except IssuerAway as error:
        raise ApiProblem(503, str(error), code=error.code, headers={"Retry-After": "5"}) from None
    authenticated(method="identity")
    request.pipeline = found  # type: ignore[attr-defined]
    return found.account


def pipeline_of(request: HttpRequest) -> Recognised | None:
    """The pipeline that asks, where one does."""
    found: Recognised | None = getattr(request, "pipeline", None)
    return found
