"""The tier of a model: how much rigour it is owed."""

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
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.engine.tier import Tier
from apps.inventory import guards
from apps.inventory.commands.models import hold_model
from apps.inventory.models import RegisteredModel, Tiering
from apps.inventory.scorecards import judged
from apps.inventory.sealed import TIER, subject_of


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
    if (tier is None) == (answers is None):
        raise Invalid("Please give either answers for the scorecard or a tier.", field="tier")
    judgement = None if answers is None else judged(answers)
    number = guards.tier(tier if judgement is None else judgement.tier)
    hold_model(model.key)
    before = Tiering.objects.filter(model=model).first()
    return _assigned(by, model, number, dict(answers or {}), judgement, rationale, before)


@transaction.atomic
def answer_tier_again(
    *, by: Person, model: RegisteredModel, answers: Mapping[str, Any], rationale: str = ""
) -> Tiering:
    """Answer the questionnaire once more where a version is submitted.

    The same answers confirm what stands and write nothing. Whoever submits may make a tier graver; a
    lighter one, and a first one, is given by those who give tiers.
    """
    require(by, Permission.APPROVAL_SUBMIT, model)
    given = {name: answer for name, answer in answers.items() if answer not in (None, "")}
    judgement = judged(given)
    hold_model(model.key)
    before = Tiering.objects.filter(model=model).first()
    if before is not None and same_answers(before, given, judgement):
        return before
    if before is None or judgement.tier > before.tier:
        require(by, Permission.MODEL_TIER, model)
    return _assigned(by, model, judgement.tier, given, judgement, rationale, before)


def same_answers(before: Tiering, given: Mapping[str, Any], judgement: Tier) -> bool:
    """Whether nothing was answered otherwise than it stands, by the scorecard that judged it."""
    kept = {name: str(answer) for name, answer in before.answers.items() if answer not in (None, "")}
    same = kept == {name: str(answer) for name, answer in given.items()}
    return same and before.scorecard_digest == judgement.scorecard.get("digest", "")


def _assigned(
    by: Person,
    model: RegisteredModel,
    number: int,
    answers: dict[str, Any],
    judgement: Tier | None,
    rationale: str,
    before: Tiering | None,
) -> Tiering:
    said = required(rationale, field="rationale", lines=True)
    tiering = _sealed(by, model, number, answers, judgement, said, before)
    model.__dict__.pop("tier", None)  # what a list remembered of it
    audit.record(
        by=by,
        action=EventName.TIER_ASSIGNED,
        subject=model,
        before={"tier": before.tier if before else None},
        after={
            "tier": number,
            "answers": tiering.answers,
            "statement": tiering.statement_digest,
            **_judged_by(judgement),
        },
        reason=said,
    )
    return tiering


def _sealed(
    by: Person,
    model: RegisteredModel,
    number: int,
    answers: dict[str, Any],
    judgement: Tier | None,
    said: str,
    before: Tiering | None,
) -> Tiering:
    scorecard = dict(judgement.scorecard) if judgement else {}
    due = _due(judgement)
    statement = audit.seal(
        by=by,
        predicate_type=TIER,
        subjects=[subject_of(model)],
        predicate={
            "model": model.key,
            "tier": number,
            "answers": answers,
            "scorecard": scorecard,
            "points": judgement.points if judgement else None,
            "rationale": said,
            "reviewDue": due,
            "supersedes": before.statement_digest if before else "",
            "assignedBy": str(by.pk),
        },
        event=EventName.TIER_SEALED,
        about=model,
    )
    return Tiering.objects.create(
        model=model,
        tier=number,
        answers=answers,
        scorecard=f"{scorecard['id']}@{scorecard['version']}" if scorecard else "",
        scorecard_digest=scorecard.get("digest", ""),
        rationale=said,
        review_due=due,
        assigned_by=by,
        statement_digest=statement.digest,
    )


def _due(judgement: Tier | None) -> date | None:
    days = judgement.review_days if judgement else None
    return timezone.now().date() + timedelta(days=days) if days else None


def _judged_by(judgement: Tier | None) -> dict[str, Any]:
    if judgement is None:
        return {}
    found = judgement.as_json()
    return {name: found[name] for name in ("scorecard", "points", "reasons")}
