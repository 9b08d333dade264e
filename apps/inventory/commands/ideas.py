"""A record opened before there is anything to run: what it is for, and how grave it would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from apps.access.guards import may
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.inventory.commands.models import register_model
from apps.inventory.commands.tiers import assign_tier
from apps.inventory.commands.uses import use_of
from apps.inventory.models import BusinessUnit, Idea, RegisteredModel
from apps.inventory.prior_art import nearest
from apps.inventory.scorecards import judged

GIVEN_WITH = "Answered when the model was registered."


@transaction.atomic
def open_idea(
    *,
    by: Person,
    key: str,
    title: str,
    kind: str,
    unit: BusinessUnit,
    owner: Person,
    use: str = "",
    answers: Mapping[str, Any] | None = None,
    purpose: str = "",
    domain: str = "",
    jurisdictions: Iterable[str] = (),
    vendor: bool = False,
    exposure_eur: Any = None,
    limitations: str = "",
) -> RegisteredModel:
    """Register a model with its use and the answers about its tier; no artifact is needed.

    The tier is given where the person may give it; else the answers wait for somebody who may. What
    resembled it, of what the person may see, is kept with it.
    """
    alike = nearest(by, key=key, title=title, purpose=purpose)
    model = register_model(
        by=by,
        key=key,
        title=title,
        kind=kind,
        unit=unit,
        owner=owner,
        purpose=purpose,
        domain=domain,
        jurisdictions=jurisdictions,
        vendor=vendor,
        exposure_eur=exposure_eur,
        limitations=limitations,
    )
    given = {name: answer for name, answer in (answers or {}).items() if answer not in (None, "")}
    if given:
        judged(given)
    if use:
        use_of(by=by, model=model, key=use)
    shown = [near.model.key for near in alike]
    Idea.objects.create(model=model, use=use, answers=given, shown=shown, opened_by=by)
    after = {"use": use, "answers": given, "nearest": shown}
    audit.record(by=by, action=EventName.IDEA_OPENED, subject=model, after=after)
    if given and may(by, Permission.MODEL_TIER, model):
        assign_tier(by=by, model=model, answers=given, rationale=GIVEN_WITH)
    return model
