"""Model or not, and which regimes: what is in force of a model, and what is still open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.audit.errors import Invalid, Refused
from apps.audit.past import clock
from apps.audit.trail import contents
from apps.engine import determination, regimes
from apps.engine.determination import Determined, Questionnaire
from apps.engine.errors import BadInput
from apps.engine.regimes import Suggestion
from apps.inventory.models import Determination, RegimeDecision, RegisteredModel, Tiering
from apps.inventory.queries import newest_regimes
from apps.inventory.sealed import says_determination, says_regime

SOON_DAYS = 30


def questionnaire() -> Questionnaire:
    """The questions that are asked; refused where the file cannot be used."""
    try:
        return determination.shipped()
    except (OSError, BadInput) as problem:
        raise Refused(f"The questionnaire cannot be used: {problem}") from problem


def judged_by_definitions(answers: Mapping[str, Any]) -> Determined:
    """What the answers come to by each regime's definition."""
    try:
        return determination.determined(answers, questionnaire())
    except BadInput as problem:
        raise Invalid(str(problem), field="answers") from problem


@dataclass(frozen=True, slots=True)
class Standing:
    """A determination with what must be known of it: whether it is genuine, and whether it is due again."""

    row: Determination
    genuine: bool
    due: bool


def determination_of(model: RegisteredModel, today: date | None = None) -> Standing | None:
    """The newest determination; None where nobody made one."""
    row = Determination.objects.filter(model=model).select_related("determined_by").first()
    if row is None:
        return None
    genuine = says_determination(contents([row.statement_digest]), row, model)
    return Standing(row, genuine, row.ask_again <= (today or clock().date()))


@dataclass(frozen=True, slots=True)
class RegimeLine:
    """One regime of a model: what was decided, and what is suggested.

    `applies` is what gates go by: a regime without a genuine decision applies.
    """

    regime: str
    title: str
    status: str
    decision: RegimeDecision | None
    genuine: bool
    suggestion: Suggestion

    @property
    def applies(self) -> bool:
        """Whether it counts as applying."""
        return self.decision is None or not self.genuine or self.decision.applies

    @property
    def state(self) -> str:
        """In a word, for people and filters."""
        if self.decision is None:
            return "undecided"
        return "in scope" if self.applies else "out of scope"


def regime_lines(model: RegisteredModel) -> list[RegimeLine]:
    """Every known regime, as it stands for the model."""
    decided = newest_regimes(model)
    told = contents(row.statement_digest for row in decided.values())
    standing = determination_of(model)
    outcomes = standing.row.outcomes if standing and standing.genuine and not standing.due else {}
    suggestions = regimes.suggested(_facts(model), outcomes)
    return [
        RegimeLine(
            regime=name,
            title=framework.title,
            status=framework.status,
            decision=decided.get(name),
            genuine=name in decided and says_regime(told, decided[name], model),
            suggestion=suggestions[name],
        )
        for name, framework in regimes.known().items()
    ]


def _facts(model: RegisteredModel) -> dict[str, Any]:
    return {
        "model.kind": model.kind,
        "model.domain": model.domain or None,
        "model.jurisdictions": list(model.jurisdictions) or None,
        "model.vendor": model.vendor,
    }


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """What an owner is asked again: the model, what about, where, and by when."""

    model: RegisteredModel
    what: str
    page: str
    due: date


def asked_again(by: Person, today: date | None = None) -> list[AskedAgain]:
    """Determinations and tiers of the person's own models whose day has come, or comes within 30 days."""
    soon = (today or clock().date()) + timedelta(days=SOON_DAYS)
    mine = visible_models(by).filter(owner=by)
    told = Determination.objects.filter(model__in=mine).order_by("model_id", "-determined_at", "-id")
    tiers = Tiering.objects.filter(model__in=mine).order_by("model_id", "-assigned_at", "-id")
    found = [
        *(
            AskedAgain(row.model, "Is it a model still?", "determination", row.ask_again)
            for row in told.distinct("model_id").select_related("model")
        ),
        *(
            AskedAgain(row.model, f"Is tier {row.tier} right still?", "tier", row.review_due)
            for row in tiers.distinct("model_id").select_related("model")
            if row.review_due is not None
        ),
    ]
    return sorted((one for one in found if one.due <= soon), key=lambda one: (one.due, one.model.key))


def regime_history(model: RegisteredModel) -> list[RegimeDecision]:
    """Every decision on the model's regimes, the newest first."""
    return list(RegimeDecision.objects.filter(model=model).select_related("decided_by"))
