"""What a model is and which regimes it stands under: decided by a person, with a reason, and sealed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.inventory import guards
from apps.inventory.commands.models import hold_model
from apps.inventory.determinations import judged_by_definitions
from apps.inventory.models import Determination, RegimeDecision, RegisteredModel
from apps.inventory.sealed import DETERMINATION, REGIME, subject_of


@transaction.atomic
def decide_regime(
    *, by: Person, model: RegisteredModel, regime: str, applies: bool, rationale: str
) -> RegimeDecision:
    """Say whether a regime applies to a model, and why; the newest decision holds, all are kept.

    A regime that nobody decided on applies. Whoever owns or built the model does not take it out of one.
    """
    require(by, Permission.MODEL_TIER, model)
    named = guards.regime(regime)
    guards.may_narrow(by, model, guards.yes_or_no(applies))
    said = required(rationale, field="rationale", lines=True)
    hold_model(model.key)
    before = RegimeDecision.objects.filter(model=model, regime=named).first()
    guards.another_answer(before, applies, said)
    replaced = before.statement_digest if before else ""
    statement = audit.seal(
        by=by,
        predicate_type=REGIME,
        subjects=[subject_of(model)],
        predicate={
            "model": model.key,
            "regime": named,
            "applies": applies,
            "rationale": said,
            "supersedes": replaced,
            "decidedBy": str(by.pk),
        },
        event=EventName.REGIME_DECIDED,
        about=model,
        reason=said,
    )
    return RegimeDecision.objects.create(
        model=model,
        regime=named,
        applies=applies,
        rationale=said,
        supersedes=replaced,
        decided_by=by,
        statement_digest=statement.digest,
    )


@transaction.atomic
def determine(
    *,
    by: Person,
    model: RegisteredModel,
    answers: Mapping[str, Any],
    rationale: str,
    ask_again: date | None = None,
) -> Determination:
    """Say by the questionnaire whether it is a model; the same question is asked again on a day.

    Parameters
    ----------
    ask_again
        Sooner than the questionnaire asks again, never later.
    """
    require(by, Permission.MODEL_TIER, model)
    said = required(rationale, field="rationale", lines=True)
    found = judged_by_definitions(answers)
    today = timezone.now().date()
    due = guards.sooner(ask_again, today, today + timedelta(days=found.days))
    hold_model(model.key)
    before = Determination.objects.filter(model=model).first()
    fields = {
        "outcome": found.outcome,
        "outcomes": found.as_json()["outcomes"],
        "answers": {name: answer for name, answer in answers.items() if answer},
        "questionnaire": dict(found.questionnaire),
        "rationale": said,
    }
    statement = audit.seal(
        by=by,
        predicate_type=DETERMINATION,
        subjects=[subject_of(model)],
        predicate={
            "model": model.key,
            **fields,
            "askAgain": due,
            "supersedes": before.statement_digest if before else "",
            "determinedBy": str(by.pk),
        },
        event=EventName.DETERMINATION_MADE,
        about=model,
        reason=said,
    )
    return Determination.objects.create(
        model=model, determined_by=by, ask_again=due, statement_digest=statement.digest, **fields
    )
