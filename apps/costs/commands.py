"""Entries of what runs used, the rates they are priced at, the budgets they must keep within."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.costs.models import Budget, CostEntry, Rate
from apps.costs.queries import currency, month_of, rate_of
from apps.costs.states import Hardware
from apps.inventory.models import BusinessUnit, ModelVersion

_MICRO = Decimal("0.000001")
_MOST = Decimal(10) ** 12


class Priced(Protocol):
    """A run, as far as its cost goes."""

    @property
    def pk(self) -> Any: ...
    @property
    def version(self) -> ModelVersion: ...
    @property
    def purpose(self) -> str: ...
    @property
    def lane(self) -> str: ...


class Usage(Protocol):
    """What a run used, measured by the operating system."""

    @property
    def cpu_seconds(self) -> float: ...
    @property
    def wall_seconds(self) -> float: ...
    @property
    def gpu_seconds(self) -> float: ...
    @property
    def peak_memory_bytes(self) -> int: ...


@transaction.atomic
def enter(*, by: Acting, run: Priced, usage: Usage) -> CostEntry:
    """Write down what a run used and what that costs at the rates of now; once for each run."""
    model = run.version.model
    hardware, now = _hardware_of(run.lane), timezone.now()
    cpu, gpu = _seconds(usage.cpu_seconds, "cpu_seconds"), _seconds(usage.gpu_seconds, "gpu_seconds")
    base = hardware if hardware != Hardware.GPU else Hardware.CPU
    amount = cpu * rate_of(base, now) + gpu * rate_of(Hardware.GPU, now)
    entry = CostEntry.objects.create(
        run=UUID(str(run.pk)),
        model_key=model.key,
        unit_key=model.unit.key,
        purpose=run.purpose,
        hardware=hardware,
        cpu_seconds=cpu,
        wall_seconds=_seconds(usage.wall_seconds, "wall_seconds"),
        gpu_seconds=gpu,
        peak_memory_bytes=int(usage.peak_memory_bytes),
        amount=amount.quantize(_MICRO),
        currency=currency(),
    )
    audit.record(by=by, action=EventName.COST_ENTERED, subject=entry, after=_told(entry))
    return entry


def _told(entry: CostEntry) -> dict[str, Any]:
    return {
        "run": entry.run,
        "amount": entry.amount,
        "currency": entry.currency,
        "cpu_seconds": entry.cpu_seconds,
        "gpu_seconds": entry.gpu_seconds,
    }


def _hardware_of(lane: str) -> Hardware:
    """The hardware class of a run's lane."""
    return {"gpu": Hardware.GPU, "heavy": Hardware.MEMORY}.get(str(lane), Hardware.CPU)


def _seconds(value: float, field: str) -> Decimal:
    """Seconds in whole microseconds; Invalid for anything negative or endless."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or not 0 <= found < _MOST:
        raise Invalid(f"{value!r} is no number of seconds.", field=field)
    return found.quantize(_MICRO)


def _money(value: Any, field: str, *, places: str) -> Decimal:
    """A positive amount; Invalid for anything else."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite() or not 0 < found < _MOST:
        raise Invalid(f'"{value}" is no amount of money above 0.', field=field)
    rounded = found.quantize(Decimal(places))
    if rounded != found:
        raise Invalid(f'"{value}" has more decimals than are kept ({places}).', field=field)
    return rounded


@transaction.atomic
def set_budget(*, by: Person, unit: BusinessUnit, month: date, amount: Any) -> Budget:
    """Set the ceiling of a unit for a month; a newer one takes the place of an older one."""
    require(by, Permission.BUDGET_SET, unit)
    first, ceiling = month_of(month), _money(amount, "amount", places="0.01")
    earlier = Budget.objects.select_for_update().filter(unit_key=unit.key, month=first, currency=currency())
    before = earlier.values_list("amount", flat=True).first()
    budget, _ = Budget.objects.update_or_create(
        unit_key=unit.key, month=first, currency=currency(), defaults={"amount": ceiling, "set_by": by}
    )
    audit.record(
        by=by,
        action=EventName.BUDGET_SET,
        subject=budget,
        before=None if before is None else {"amount": before},
        after={"unit": unit.key, "month": first, "amount": ceiling, "currency": budget.currency},
    )
    return budget


@transaction.atomic
def set_rate(*, by: Person, hardware: str, per_second: Any, valid_from: datetime | None = None) -> Rate:
    """Set what a second of a hardware class costs from a time on, never for the past."""
    require(by, Permission.BUDGET_SET)
    if hardware not in list(Hardware):
        raise Invalid(f'"{hardware}" is no hardware class; it is {", ".join(Hardware)}.', field="hardware")
    now = timezone.now()
    if valid_from is not None and valid_from < now:
        raise Invalid("A rate begins now or later: what was priced stays.", field="valid_from")
    price = _money(per_second, "per_second", places="0.0000000001")
    rate = Rate.objects.create(
        hardware=hardware, currency=currency(), per_second=price, valid_from=valid_from or now, set_by=by
    )
    after = {"hardware": hardware, "per_second": price, "valid_from": rate.valid_from}
    audit.record(by=by, action=EventName.RATE_SET, subject=rate, after=after)
    return rate
