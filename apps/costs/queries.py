"""What controlling models costs: sums of entries, by model, unit and month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth

from apps.costs.models import Budget, CostEntry, Rate
from apps.costs.states import FIRST_RATES, Hardware
from apps.inventory.models import RegisteredModel

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Cost:
    """A sum of entries, in the currency of the installation."""

    amount: Decimal
    currency: str
    runs: int
    cpu_seconds: Decimal


def currency() -> str:
    """The one currency of this installation: sums of several would mean nothing."""
    return str(getattr(settings, "COST_CURRENCY", "EUR"))


def rate_of(hardware: str, at: datetime) -> Decimal:
    """Money for a second of a hardware class at a time: the newest rate that had begun."""
    rows = Rate.objects.filter(hardware=hardware, currency=currency(), valid_from__lte=at)
    found = rows.order_by("-valid_from", "-pk").values_list("per_second", flat=True).first()
    return Decimal(FIRST_RATES[Hardware(hardware)]) if found is None else found


def month_of(moment: datetime | date) -> date:
    """The first day of a moment's month, in UTC."""
    day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
    return day.replace(day=1)


def cost_of(model: RegisteredModel, since: datetime | None = None) -> Cost:
    """What the runs of a model cost, from a time on or altogether."""
    rows = CostEntry.objects.filter(model_key=model.key, currency=currency())
    if since is not None:
        rows = rows.filter(entered_at__gte=since)
    found = rows.aggregate(amount=Sum("amount"), cpu=Sum("cpu_seconds"), runs=Count("run", distinct=True))
    return Cost(found["amount"] or NOTHING, currency(), found["runs"], found["cpu"] or NOTHING)


def spent(unit_key: str, month: date) -> Decimal:
    """What the runs of a unit cost in a month."""
    rows = CostEntry.objects.filter(unit_key=unit_key, currency=currency())
    rows = rows.filter(entered_at__gte=_begin(month), entered_at__lt=_begin(next_month(month)))
    return rows.aggregate(amount=Sum("amount"))["amount"] or NOTHING


def _begin(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def budget_of(unit_key: str, month: date) -> Budget | None:
    """The ceiling of a unit in a month, if one was set: the newest."""
    rows = Budget.objects.filter(unit_key=unit_key, month=month_of(month), currency=currency())
    return rows.order_by("-set_at", "-pk").first()


def statement(month: date | None = None) -> list[dict[str, Any]]:
    """Sums by month and unit, newest month first, each with its budget; of one month, or of all."""
    rows = CostEntry.objects.filter(currency=currency())
    if month is not None:
        rows = rows.filter(entered_at__gte=_begin(month), entered_at__lt=_begin(next_month(month)))
    sums = rows.annotate(month=TruncMonth("entered_at")).values("month", "unit_key", "currency")
    found = sums.annotate(
        runs=Count("run", distinct=True), cpu_seconds=Sum("cpu_seconds"), amount=Sum("amount")
    ).order_by("-month", "unit_key")
    budgets = {
        (b.unit_key, b.month): b.amount for b in Budget.objects.filter(currency=currency()).order_by("set_at")
    }
    return [{**row, "budget": budgets.get((row["unit_key"], month_of(row["month"])))} for row in found]
