"""May another run begin?"""

from __future__ import annotations

from django.utils import timezone

from apps.audit.errors import Refused
from apps.costs.queries import budgets_over, month_of, standing
from apps.inventory.models import BusinessUnit, RegisteredModel


def within_budget(model: RegisteredModel) -> None:
    """Refused once a budget of this month is used up: the model's own, or that of its unit."""
    now = timezone.now()
    for budget in budgets_over(model, month_of(now)):
        found = standing(budget, now)
        if found.used_up:
            whose = f"{model.key}" if budget.model_key else model.unit.title
            raise Refused(
                f"The budget of {whose} for {budget.month:%B %Y} is used up: "
                f"{found.used:.2f} of {found.ceiling:.2f} {budget.currency}.",
                code="over_budget",
            )


def model_of_unit(model: RegisteredModel | None, unit: BusinessUnit) -> None:
    """Refused where a budget would name a model of another unit."""
    if model is not None and model.unit_id != unit.pk:
        raise Refused(f"{model.key} belongs to {model.unit.title}, not to {unit.title}.", field="model")
