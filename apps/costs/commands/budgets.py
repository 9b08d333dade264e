"""Ceilings for a month, what is told as they are used up, and leave to go beyond them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.audit.states import Acting, Referable
from apps.costs import guards
from apps.costs.amounts import money
from apps.costs.models import Budget, BudgetAlert, BudgetExcess
from apps.costs.queries import Standing, begin, budgets, currency, month_of, next_month, standing
from apps.costs.states import LEVELS
from apps.inventory.models import BusinessUnit, RegisteredModel


@transaction.atomic
def set_budget(
    *, by: Person, unit: BusinessUnit, month: date, amount: Any, model: RegisteredModel | None = None
) -> Budget:
    """Set the ceiling of a unit, or of one of its models, for a month; a newer one replaces an older one."""
    require(by, Permission.BUDGET_SET, unit)
    guards.model_of_unit(model, unit)
    first, ceiling = month_of(month), money(amount, "amount", places="0.01")
    of: dict[str, Any] = {"unit_key": unit.key, "model_key": model.key if model else "", "month": first}
    earlier = Budget.objects.select_for_update().filter(**of, currency=currency())
    before = earlier.values_list("amount", flat=True).first()
    budget, _ = Budget.objects.update_or_create(
        **of, currency=currency(), defaults={"amount": ceiling, "set_by": by, "set_at": timezone.now()}
    )
    audit.record(
        by=by,
        action=EventName.BUDGET_SET,
        subject=budget,
        before=None if before is None else {"amount": before},
        after={
            "unit": unit.key,
            "model": budget.model_key or None,
            "month": first,
            "amount": ceiling,
            "currency": budget.currency,
        },
    )
    return budget


@transaction.atomic
def allow_excess(
    *, by: Person, unit: BusinessUnit, budget: Budget, amount: Any, until: datetime, reason: str
) -> BudgetExcess:
    """Let runs go on beyond a budget: by so much, until then, for this reason."""
    require(by, Permission.BUDGET_EXCEED, unit)
    words = reason.strip()
    if not words:
        raise Invalid("Please say the reason: it is kept in the record.", field="reason")
    end = begin(next_month(budget.month))
    if not timezone.now() < until <= end:
        raise Invalid(
            f"The permission ends after now and by {end:%Y-%m-%d}, the end of the budget's month.",
            field="until",
        )
    more = money(amount, "amount", places="0.01")
    excess = BudgetExcess.objects.create(budget=budget, amount=more, until=until, reason=words, granted_by=by)
    audit.record(
        by=by,
        action=EventName.BUDGET_EXCEEDED,
        subject=excess,
        reason=words,
        after={"budget": str(budget), "amount": more, "currency": budget.currency, "until": until},
    )
    return excess


@transaction.atomic
def refuse_start(*, by: Acting, subject: Referable, why: str) -> None:
    """Note that a run did not begin because its budget is used up."""
    audit.record(by=by, action=EventName.BUDGET_REFUSED, subject=subject, reason=why)


def raise_alerts(*, by: Acting) -> int:
    """Tell of each level that a budget of this month has reached since the last time; how many."""
    this_month = budgets(month_of(timezone.now()))
    return sum(_raise(by, found) for found in map(standing, this_month) if found.level)


@transaction.atomic
def _raise(by: Acting, found: Standing) -> int:
    told = set(
        BudgetAlert.objects.filter(budget=found.budget, ceiling=found.ceiling).values_list("level", flat=True)
    )
    new = [level for level in LEVELS if level <= found.level and level not in told]
    for level in new:
        alert = BudgetAlert.objects.create(
            budget=found.budget, level=level, ceiling=found.ceiling, used=found.used
        )
        after = {"level": level, "used": found.used, "of": found.ceiling, "currency": found.budget.currency}
        audit.record(by=by, action=EventName.BUDGET_REACHED, subject=alert, after=after)
    return len(new)
