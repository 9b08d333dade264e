"""May another run begin?"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.utils import timezone

from apps.audit.errors import Refused
from apps.costs.models import Budget
from apps.costs.queries import NOTHING, Planned, Standing, budgets_over, month_of, standing
from apps.costs.quoting import quote_of
from apps.inventory.models import BusinessUnit, RegisteredModel


def within_budget(
    model: RegisteredModel,
    *,
    run: UUID | None = None,
    reserved: Callable[[Budget], Planned] | None = None,
    hold: bool = False,
) -> None:
    """Refused once a budget of this month is used up, or would be by a run: the model's own, or its unit's.

    `reserved` tells what the other runs at work under a budget will probably cost.
    """
    now = timezone.now()
    for budget in budgets_over(model, month_of(now), hold=hold):
        found = standing(budget, now, reserved=reserved(budget) if reserved else None)
        whose = f"{model.key}" if budget.model_key else model.unit.title
        if found.used_up:
            raise Refused(
                f"The budget of {whose} for {budget.month:%B %Y} is used up: "
                f"{found.used:.2f} of {found.ceiling:.2f} {budget.currency}.",
                code="over_budget",
            )
        if run is not None:
            _has_room(found, whose, run)


def _has_room(found: Standing, whose: str, run: UUID) -> None:
    """Refused where the run would pass the budget together with those that are at work."""
    quote, money = quote_of(run), found.budget.currency
    high = None if quote is None else quote.high
    named = f"The budget of {whose} for {found.budget.month:%B %Y}"
    if found.reserved.unknown or (high is None and found.reserved.runs):
        raise Refused(
            f"{named} cannot be kept while runs whose cost nobody can quote are at work together: they begin "
            "one after the other.",
            code="over_budget",
        )
    if (high or NOTHING) > found.left:
        held = (
            f", and {found.reserved.amount:.2f} are reserved for runs at work" if found.reserved.runs else ""
        )
        raise Refused(
            f"{named} has no room for this run: it may cost {high:.2f} {money}; "
            f"{found.used:.2f} of {found.ceiling:.2f} {money} are used{held}.",
            code="over_budget",
        )


def model_of_unit(model: RegisteredModel | None, unit: BusinessUnit) -> None:
    """Refused where a budget would name a model of another unit."""
    if model is not None and model.unit_id != unit.pk:
        raise Refused(f"{model.key} belongs to {model.unit.title}, not to {unit.title}.", field="model")
