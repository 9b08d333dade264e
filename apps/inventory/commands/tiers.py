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
from apps.engine.tier import Tier
from apps.inventory import guards
from apps.inventory.models import RegisteredModel, Tiering
from apps.inventory.queries import current_tier
from apps.inventory.scorecards import judged


@transaction.atomic
def assign_tier(
    *,
    by: Person,
    model: RegisteredModel,
    rationale: str,
    tier: int | None = None,
    answers: Mapping[str, Any] | None = None,
) -> Tiering:
    """Give a model a tier: by answers, which the scorecard in force judges, or a number of one's own.

    What is not answered counts as the gravest answer. The older tiers and answers are kept.
    """
    require(by, Permission.MODEL_TIER, model)
    said = required(rationale, field="rationale", lines=True)
    if (tier is None) == (answers is None):
        raise Invalid("Please give either answers for the scorecard or a tier.", field="tier")
    judgement = None if answers is None else judged(answers)
    number = guards.tier(tier if judgement is None else judgement.tier)
    before = current_tier(RegisteredModel.objects.get(pk=model.pk))
    tiering = Tiering.objects.create(
        model=model,
        tier=number,
        answers=dict(answers or {}),
        scorecard=_named(judgement),
        rationale=said,
        assigned_by=by,
    )
    model.__dict__.pop("tier", None)  # what a list remembered of it
    audit.record(
        by=by,
        action=EventName.TIER_ASSIGNED,
        subject=model,
        before={"tier": before},
        after={"tier": number, "answers": tiering.answers, **_judged_by(judgement)},
        reason=said,
    )
    return tiering


def _named(judgement: Tier | None) -> str:
    return "" if judgement is None else f"{judgement.scorecard['id']}@{judgement.scorecard['version']}"


def _judged_by(judgement: Tier | None) -> dict[str, Any]:
    if judgement is None:
        return {}
    found = judgement.as_json()
    return {name: found[name] for name in ("scorecard", "points", "reasons")}
