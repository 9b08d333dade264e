"""The tier of a model: how much rigour it is owed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.inventory import guards
from apps.inventory.models import RegisteredModel, Tiering
from apps.inventory.queries import current_tier


@transaction.atomic
def assign_tier(
    *,
    by: Person,
    model: RegisteredModel,
    rationale: str,
    tier: int | None = None,
    answers: Mapping[str, Any] | None = None,
) -> Tiering:
    """Give a model a tier: a number with its rationale, and the answers that it was judged by."""
    require(by, Permission.MODEL_TIER, model)
    said = required(rationale, field="rationale", lines=True)
    if tier is None:
        raise Invalid("Please name the tier; no scorecard derives it from answers.", field="tier")
    number, before = guards.tier(tier), current_tier(RegisteredModel.objects.get(pk=model.pk))
    tiering = Tiering.objects.create(
        model=model, tier=number, answers=dict(answers or {}), rationale=said, assigned_by=by
    )
    model.__dict__.pop("tier", None)  # what a list remembered of it
    audit.record(
        by=by,
        action=EventName.TIER_ASSIGNED,
        subject=model,
        before={"tier": before},
        after={"tier": number, "answers": tiering.answers},
        reason=said,
    )
    return tiering
