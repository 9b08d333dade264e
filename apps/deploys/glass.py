"""Break-glass: which stands, who may ask and agree, and what the deploy gate answers by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.access.guards import built, require
from apps.access.models import Person
from apps.access.queries import models_with
from apps.access.states import Permission
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.past import clock
from apps.audit.plain import plain
from apps.audit.trail import contents
from apps.deploys.facts import Gathered
from apps.deploys.models_glass import Glass, GlassEnd, GlassRequest
from apps.engine.admit import Admission as Answer
from apps.engine.admit import Reason
from apps.inventory.models import ModelVersion, RegisteredModel, Use

PREDICATE = "https://countersign.dev/break-glass/v1"
MOST_MINUTES = 240
ANSWERED_WITHIN = timedelta(days=1)
# No emergency makes a version of what is none: these stay a no.
_NEVER = frozenset(
    {
        "unknown_environment",
        "unknown_version",
        "other_digest",
        "use_retired",
        "unknown_use",
        "log_not_anchored",
        "error",
    }
)


def not_by_who_built(by: Person, model: RegisteredModel) -> None:
    """Refused to a service, and to whoever built or owns the model, in any account."""
    if by.is_service:
        raise Forbidden("A service account breaks no glass: two people do.")
    part = built(by, model)
    if part:
        raise Forbidden(f"You cannot break the glass: {part}.")


def may_ask(by: Person, version: ModelVersion, use: Use) -> None:
    """Refused unless this person may ask for it."""
    require(by, Permission.BREAK_GLASS_ASK, version.model)
    not_by_who_built(by, version.model)
    if use.model_id != version.model_id or use.retired_at is not None:
        raise Refused(f"{version} has no such use in service.", field="use")


def may_agree(by: Person, request: GlassRequest) -> None:
    """Refused unless this person is the second one, and it is not answered yet."""
    require(by, Permission.BREAK_GLASS_GRANT, request.version.model)
    answered = Glass.objects.filter(request=request).exists()
    if answered or GlassEnd.objects.filter(request=request).exists():
        raise Refused("This request has been answered already.")
    if by.identity == request.asked_by.identity:
        raise Forbidden("You asked for it; breaking the glass takes a second person.")
    not_by_who_built(by, request.version.model)


def minutes(told: int) -> int:
    """How long it is to hold."""
    if not 1 <= told <= MOST_MINUTES:
        raise Invalid(f"Break-glass holds 1 to {MOST_MINUTES} minutes, not {told}.", field="minutes")
    return told


def visible(by: Person) -> QuerySet[GlassRequest]:
    """Every request about a model whose admissions the person may see, newest first."""
    rows = GlassRequest.objects.filter(version__model__in=models_with(by, Permission.ADMISSION_SEE))
    return rows.select_related(
        "version__model__owner",
        "use",
        "environment",
        "asked_by",
        "glass__granted_by",
        "glass__finding",
        "end",
    )


def find(by: Person, key: UUID) -> GlassRequest:
    """One of them, or NotFound."""
    row = visible(by).filter(pk=key).first()
    if row is None:
        raise NotFound(f"There is no break-glass {key}.")
    return row


def stands(row: GlassRequest) -> str:
    """How a request stands now, in one word."""
    now, found = clock(), getattr(row, "glass", None)
    if getattr(row, "end", None) is not None:
        return "ended"
    if found is None:
        return "waits" if now <= row.asked_at + ANSWERED_WITHIN else "lapsed"
    return "stands" if now < found.valid_to else "over"


def said(row: Glass) -> dict[str, object]:
    """What the sealed statement must say of a row: a row that no statement stands behind opens nothing."""
    request = row.request
    return {
        "request": str(request.pk),
        "version": request.digest,
        "use": request.use.key,
        "environment": request.environment.key,
        "askedBy": str(request.asked_by_id),
        "grantedBy": str(row.granted_by_id),
        "validFrom": row.valid_from,
        "validTo": row.valid_to,
        "finding": str(row.finding_id),
    }


def standing(version: ModelVersion, use: Use, environment: str, now: datetime) -> Glass | None:
    """The break-glass for exactly this that holds now and whose statement says so."""
    rows = Glass.objects.filter(
        request__version=version,
        request__digest=version.digest,
        request__use=use,
        request__environment__key=environment,
        valid_from__lte=now,
        valid_to__gt=now,
    ).filter(Q(request__end=None) | Q(request__end__ended_on__gt=now))
    found = list(
        rows.select_related("request__use", "request__environment", "request__asked_by", "granted_by")
    )
    told = contents([row.statement_digest for row in found]) if found else {}
    return next((row for row in found if _genuine(row, told.get(row.statement_digest))), None)


def _genuine(row: Glass, statement: dict[str, object] | None) -> bool:
    if statement is None or statement["predicateType"] != PREDICATE:
        return False
    predicate = statement["predicate"]
    two = row.granted_by.identity != row.request.asked_by.identity
    return (
        two
        and isinstance(predicate, dict)
        and all(predicate.get(name) == plain(value) for name, value in said(row).items())
    )


def through_glass(answer: Answer, gathered: Gathered, glass: Glass | None) -> Answer:
    """The answer while the glass is broken: allowed, labelled, until its last second; every reason stays."""
    codes = {reason.code for reason in answer.reasons}
    if glass is None or answer.allowed or gathered.log or codes & _NEVER:
        return answer
    request = glass.request
    sentence = (
        f"Break-glass until {glass.valid_to:%Y-%m-%d %H:%M:%S} UTC, asked for by {request.asked_by.name} and "
        f"agreed to by {glass.granted_by.name} ({request.ticket}). Without it the answer is {answer.outcome}."
    )
    reason = Reason("break_glass", sentence, str(request.pk), "allow")
    return replace(
        answer,
        outcome="allow",
        reasons=(reason, *answer.reasons),
        expires_at=glass.valid_to,
        break_glass=True,
    )


def holding_now(by: Person) -> list[Glass]:
    """Every break-glass that holds now, of models whose admissions the person may see."""
    models = models_with(by, Permission.ADMISSION_SEE)
    rows = Glass.objects.filter(request__version__model__in=models, valid_to__gt=Now(), request__end=None)
    return list(rows.select_related("request__version__model", "request__environment")[:20])
