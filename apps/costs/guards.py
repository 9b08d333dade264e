"""May another run begin?"""

from __future__ import annotations

from django.utils import timezone

from apps.audit.errors import Refused
from apps.costs.queries import budget_of, month_of, spent
from apps.inventory.models import RegisteredModel


def within_budget(model: RegisteredModel) -> None:
    """Refused once the budget of the model's unit for this month is used up."""
    month = month_of(timezone.now())
    budget = budget_of(model.unit.key, month)
    if budget is None:
        return
    used = spent(model.unit.key, month)
    if used >= budget.amount:
        raise Refused(
            f"The budget of {model.unit.title} for {month:%B %Y} is used up: "
            f"{used:.2f} of {budget.amount:.2f} {budget.currency}.",
            code="over_budget",
        )
