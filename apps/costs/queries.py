"""What controlling models costs: rates, sums of entries, budgets and what is used of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, DecimalField, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from apps.access.models import Person
from apps.access.queries import permissions_on
from apps.access.states import Permission
from apps.access.text import storable
from apps.audit.errors import NotFound
from apps.costs.models import Budget, BudgetAlert, BudgetExcess, CostEntry, CostImport, Quote, Rate
from apps.costs.states import FIRST_RATES, LEVELS, Hardware
from apps.inventory.models import BusinessUnit, RegisteredModel

NOTHING = Decimal(0)
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Cost:
    """A sum of entries, in the currency of the installation."""

    amount: Decimal
    currency: str
    runs: int
    cpu_seconds: Decimal


@dataclass(frozen=True, slots=True)
class Priced:
    """What a second costs and by which row of the rate card; None: the shipped rate."""

    per_second: Decimal
    valid_from: datetime | None
    rate: int | None

    def as_json(self) -> dict[str, Any]:
        since = None if self.valid_from is None else self.valid_from.isoformat()
        return {"per_second": f"{self.per_second:f}", "valid_from": since, "rate": self.rate}


@dataclass(frozen=True, slots=True)
class Planned:
    """What runs will probably cost by the high ends of their quotes; `unknown` runs have none."""

    amount: Decimal = NOTHING
    runs: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A budget with what may be spent under it now, what was, and what is reserved for runs at work."""

    budget: Budget
    ceiling: Decimal
    used: Decimal
    reserved: Planned = Planned()
    waiting: Planned = Planned()

    @property
    def planned(self) -> tuple[Planned, Planned]:
        """What is at work, and what waits."""
        return self.reserved, self.waiting

    @property
    def left(self) -> Decimal:
        """What another run may cost."""
        return self.ceiling - self.used - self.reserved.amount

    @property
    def share(self) -> Decimal:
        """In per cent, rounded down."""
        return (self.used * 100 / self.ceiling).quantize(Decimal(1), rounding="ROUND_FLOOR")

    @property
    def level(self) -> int:
        """The highest level that is reached; 0 below the first."""
        return max((level for level in LEVELS if self.share >= level), default=0)

    @property
    def used_up(self) -> bool:
        return self.used >= self.ceiling

    @property
    def excess(self) -> Decimal:
        """What people allowed beyond the budget, as it holds now."""
        return self.ceiling - self.budget.amount


def currency() -> str:
    """The one currency of this installation: sums of several would mean nothing."""
    return str(getattr(settings, "COST_CURRENCY", "EUR"))


# Rates ---------------------------------------------------------------------------------------------------


def rate_card(at: datetime) -> dict[Hardware, Priced]:
    """What a second of each hardware class costs at a time: of each the newest rate that had begun."""
    rows = Rate.objects.filter(currency=currency(), valid_from__lte=at)
    newest = rows.order_by("hardware", "-valid_from", "-pk").distinct("hardware")
    card = {Hardware(name): Priced(Decimal(price), None, None) for name, price in FIRST_RATES.items()}
    for row in newest:
        card[Hardware(row.hardware)] = Priced(row.per_second, row.valid_from, row.pk)
    return card


def rate_of(hardware: str, at: datetime) -> Decimal:
    """Money for a second of a hardware class at a time."""
    return rate_card(at)[Hardware(hardware)].per_second


def rates() -> QuerySet[Rate]:
    """The rate card with its past and what is set for later, newest first."""
    rows = Rate.objects.filter(currency=currency()).select_related("set_by")
    return rows.order_by("hardware", "-valid_from", "-pk")


def price(card: Mapping[Hardware, Priced], used: Mapping[Hardware, Decimal]) -> Decimal:
    """What an amount of seconds of each class costs by a card, in millionths."""
    exact = sum((seconds * card[hardware].per_second for hardware, seconds in used.items()), NOTHING)
    return exact.quantize(Decimal("0.000001"))


def used_by(entry: CostEntry) -> dict[Hardware, Decimal]:
    """The seconds of each class that an entry is priced by."""
    base = Hardware.MEMORY if entry.hardware == Hardware.MEMORY else Hardware.CPU
    return {base: entry.cpu_seconds, Hardware.GPU: entry.gpu_seconds, Hardware.GIB: entry.gib_seconds}


# Time ----------------------------------------------------------------------------------------------------


def month_of(moment: datetime | date) -> date:
    """The first day of a moment's month, in UTC."""
    day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
    return day.replace(day=1)


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def begin(month: date) -> datetime:
    """The first moment of a month, in UTC."""
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def within(month: date, field: str = "entered_at") -> Q:
    """Rows whose time lies in a month."""
    return Q(**{f"{field}__gte": begin(month), f"{field}__lt": begin(next_month(month))})


# Sums ----------------------------------------------------------------------------------------------------


def cost_of(model: RegisteredModel, since: datetime | None = None) -> Cost:
    """What the runs of a model cost, from a time on or altogether."""
    rows = CostEntry.objects.filter(model_key=model.key, currency=currency())
    if since is not None:
        rows = rows.filter(entered_at__gte=since)
    found = rows.aggregate(amount=Sum("amount"), cpu=Sum("cpu_seconds"), runs=Count("run", distinct=True))
    return Cost(found["amount"] or NOTHING, currency(), found["runs"], found["cpu"] or NOTHING)


def spent(unit_key: str, month: date, model_key: str = "") -> Decimal:
    """What the runs of a unit, or of one of its models, cost in a month."""
    rows = CostEntry.objects.filter(within(month), unit_key=unit_key, currency=currency())
    if model_key:
        rows = rows.filter(model_key=model_key)
    return rows.aggregate(amount=Sum("amount"))["amount"] or NOTHING


def entries_of(run_id: UUID) -> QuerySet[CostEntry]:
    """What each attempt at a run and at its partitions cost, in the order in which they ended."""
    return CostEntry.objects.filter(run=run_id).order_by("pk").prefetch_related("lines")


# Budgets -------------------------------------------------------------------------------------------------


def budgets(month: date | None = None) -> QuerySet[Budget]:
    rows = Budget.objects.filter(currency=currency()).order_by("-month", "unit_key", "model_key")
    return rows if month is None else rows.filter(month=month_of(month))


def budget_of(unit_key: str, month: date, model_key: str = "") -> Budget | None:
    """The ceiling of a unit, or of a model of it, in a month, if one was set."""
    return budgets(month).filter(unit_key=unit_key, model_key=model_key).first()


def budgets_over(model: RegisteredModel, month: date, *, hold: bool = False) -> list[Budget]:
    """The budgets that a run of a model must keep within: its own, and its unit's.

    Where they are held nobody else begins a run under them until this transaction ends.
    """
    mine = Q(model_key=model.key) | Q(model_key="")
    rows = budgets(month).filter(mine, unit_key=model.unit.key).order_by("model_key")
    return list(rows.select_for_update() if hold else rows)


def planned(runs: QuerySet[Any]) -> Planned:
    """What these runs, given by their ids, will probably cost yet: earlier attempts were entered."""
    quoted = Quote.objects.filter(run__in=runs, high__isnull=False, currency=currency())
    entered = CostEntry.objects.filter(run=OuterRef("run")).values("run").values(sum=Sum("amount"))
    left = Greatest(F("high") - Coalesce(Subquery(entered), NOTHING), NOTHING, output_field=DecimalField())
    found = quoted.annotate(left=left).aggregate(amount=Sum("left"), runs=Count("pk"))
    total = runs.count()
    return Planned(found["amount"] or NOTHING, total, total - found["runs"])


def standing(
    budget: Budget,
    at: datetime | None = None,
    *,
    reserved: Planned | None = None,
    waiting: Planned | None = None,
) -> Standing:
    """How a budget stands: what was allowed beyond it counts until its time is over."""
    granted = BudgetExcess.objects.filter(budget=budget, until__gt=at or timezone.now())
    more = granted.aggregate(sum=Sum("amount"))["sum"] or NOTHING
    used = spent(budget.unit_key, budget.month, budget.model_key)
    return Standing(
        budget=budget,
        ceiling=budget.amount + more,
        used=used,
        reserved=reserved or Planned(),
        waiting=waiting or Planned(),
    )


def alerts(month: date | None = None) -> QuerySet[BudgetAlert]:
    """Levels that were reached, newest first; of the budgets of a month, or of all."""
    rows = BudgetAlert.objects.filter(budget__currency=currency()).select_related("budget")
    return rows if month is None else rows.filter(budget__month=month_of(month))


def excesses(month: date) -> QuerySet[BudgetExcess]:
    """What was allowed beyond the budgets of a month, newest first."""
    rows = BudgetExcess.objects.filter(budget__month=month_of(month), budget__currency=currency())
    return rows.select_related("budget", "granted_by")


# Finding by what people say -----------------------------------------------------------------------------


def named_month(text: str) -> date:
    """The month of ``2026-11``; NotFound for anything else."""
    year, _, month = text.partition("-")
    if len(text) == 7 and text.isascii() and year.isdigit() and month.isdigit():
        try:
            return date(int(year), int(month), 1)
        except ValueError:
            pass
    raise NotFound(f"There is no month {text[:20]!a}; one is named as 2026-11.", field="month")


def units() -> QuerySet[BusinessUnit]:
    return BusinessUnit.objects.order_by("key")


def find_unit(key: str) -> BusinessUnit:
    found = BusinessUnit.objects.filter(key=key).first() if storable(key) else None
    if found is None:
        raise NotFound(f"There is no business unit {key[:80]!a}.", field="unit")
    return found


def find_budget(by: Person, budget_id: int) -> Budget:
    """A budget of a unit whose costs the person may see."""
    found = Budget.objects.filter(pk=budget_id, currency=currency()).first()
    if found is None or Permission.COST_SEE not in permissions_on(by, find_unit(found.unit_key)):
        raise NotFound(f"There is no budget {budget_id}, or you may not see it.")
    return found


def imports() -> QuerySet[CostImport]:
    """Bills that were brought in, newest first."""
    return CostImport.objects.select_related("imported_by")
