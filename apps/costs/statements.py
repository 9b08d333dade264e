"""Bills that this house writes: by month and unit, by model, gate, policy, tier; all parts add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth

from apps.costs.amounts import to_cents
from apps.costs.models import CostEntry, CostLine, ImportedCost
from apps.costs.queries import NOTHING, budgets, currency, month_of, within
from apps.costs.states import Outcome, Source

# What the sums of entries can be broken down by, and the name of the field.
BY = {"model": "model_key", "unit": "unit_key", "tier": "tier", "purpose": "purpose", "outcome": "outcome"}
BY_LINE = {"gate": "gate", "policy": "policy"}


def standing_charges() -> QuerySet[ImportedCost]:
    """Of each charge that was brought in the newest revision."""
    newer = ImportedCost.objects.filter(key=OuterRef("key"), revision__gt=OuterRef("revision"))
    return ImportedCost.objects.filter(~Exists(newer))


def statement(month: date | None = None) -> list[dict[str, Any]]:
    """Sums of runs by month and unit, newest month first, each with its budget; of one month, or of all."""
    rows = CostEntry.objects.filter(currency=currency())
    if month is not None:
        rows = rows.filter(within(month))
    sums = rows.annotate(month=TruncMonth("entered_at")).values("month", "unit_key", "currency")
    found = sums.annotate(
        runs=Count("run", distinct=True), cpu_seconds=Sum("cpu_seconds"), amount=Sum("amount")
    ).order_by("-month", "unit_key")
    ceilings = {(b.unit_key, b.month): b.amount for b in budgets() if not b.model_key}
    return [{**row, "budget": ceilings.get((row["unit_key"], month_of(row["month"])))} for row in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a unit's bill: a model's runs, or its charges from elsewhere, in one currency."""

    model_key: str
    source: str
    currency: str
    items: int
    exact: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitBill:
    """What a unit owes for a month in one currency: the lines, in whole cents, add up to the total."""

    unit_key: str
    month: date
    currency: str
    lines: tuple[Line, ...]
    exact: Decimal

    @property
    def amount(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal("0.00"))


def unit_bills(month: date, unit_key: str = "") -> list[UnitBill]:
    """The bill of each unit for a month; each currency has one of its own, as nothing is converted."""
    rows = [*_run_lines(month), *_charge_lines(month)]
    bills = defaultdict[tuple[str, str], list[dict[str, Any]]](list)
    for row in rows:
        if not unit_key or row["unit_key"] == unit_key:
            bills[row["unit_key"], row["currency"]].append(row)
    return [_bill(unit, month_of(month), code, lines) for (unit, code), lines in sorted(bills.items())]


def _run_lines(month: date) -> Iterator[dict[str, Any]]:
    sums = CostEntry.objects.filter(within(month)).values("unit_key", "model_key", "currency")
    for row in sums.annotate(items=Count("run", distinct=True), exact=Sum("amount")):
        yield {**row, "source": str(Source.RUNS)}


def _charge_lines(month: date) -> Iterator[dict[str, Any]]:
    rows = standing_charges().filter(within(month, "period_start"))
    sums = rows.values("unit_key", "model_key", "currency", "source")
    for row in sums.annotate(items=Count("pk"), exact=Sum("amount")):
        yield {**row}


def _bill(unit_key: str, month: date, code: str, rows: list[dict[str, Any]]) -> UnitBill:
    rows.sort(key=lambda row: (row["model_key"], row["source"]))
    cents = to_cents([row["exact"] for row in rows])
    lines = tuple(
        Line(
            model_key=row["model_key"],
            source=row["source"],
            currency=code,
            items=row["items"],
            exact=row["exact"],
            amount=amount,
        )
        for row, amount in zip(rows, cents, strict=True)
    )
    exact = sum((row["exact"] for row in rows), NOTHING)
    return UnitBill(unit_key=unit_key, month=month, currency=code, lines=lines, exact=exact)


def months() -> list[date]:
    """The months of which there is something to tell, newest first."""
    ours = CostEntry.objects.annotate(month=TruncMonth("entered_at")).values_list("month", flat=True)
    theirs = ImportedCost.objects.annotate(month=TruncMonth("period_start")).values_list("month", flat=True)
    found = {month_of(moment) for moment in [*ours.distinct(), *theirs.distinct()]}
    return sorted(found, reverse=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of what runs cost: of a model, a gate, a tier…"""

    name: str
    amount: Decimal
    runs: int
    decisions: int

    @property
    def per_decision(self) -> Decimal | None:
        """What a decision cost, failed attempts included; None where nothing was decided."""
        return None if not self.decisions else (self.amount / self.decisions).quantize(Decimal("0.000001"))


def broken_down(by: str, month: date | None = None, model_keys: Iterable[str] | None = None) -> list[Part]:
    """What runs cost, by model, unit, tier, purpose or outcome; the dearest first."""
    rows = CostEntry.objects.filter(currency=currency())
    if month is not None:
        rows = rows.filter(within(month))
    if model_keys is not None:
        rows = rows.filter(model_key__in=model_keys)
    decided = Count("run", filter=Q(outcome=Outcome.DECIDED), distinct=True)
    found = rows.values(BY[by]).annotate(
        sum=Sum("amount"), runs=Count("run", distinct=True), decisions=decided
    )
    parts = [_part(row[BY[by]], row) for row in found]
    return sorted(parts, key=lambda part: (-part.amount, part.name))


def broken_down_by_line(by: str, month: date | None = None) -> list[Part]:
    """What runs cost, by gate or by policy; the name is empty for what belongs to none."""
    rows = CostLine.objects.filter(entry__currency=currency())
    if month is not None:
        rows = rows.filter(within(month, "entry__entered_at"))
    runs = Count("entry__run", distinct=True)
    decided = Count("entry__run", filter=Q(entry__outcome=Outcome.DECIDED), distinct=True)
    found = rows.values(BY_LINE[by]).annotate(sum=Sum("amount"), runs=runs, decisions=decided)
    parts = [_part(row[BY_LINE[by]], row) for row in found]
    return sorted(parts, key=lambda part: (-part.amount, part.name))


def _part(name: str, row: dict[str, Any]) -> Part:
    return Part(name=name, amount=row["sum"], runs=row["runs"], decisions=row["decisions"])


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionCost:
    """What the runs of one version cost, and when they were; the first version is the first approval's."""

    model_key: str
    version: str
    first: bool
    amount: Decimal
    runs: int
    decisions: int
    began: Any
    ended: Any


def by_version(model_key: str) -> list[VersionCost]:
    """What controlling each version of a model cost, in the order in which they came: first, then changes."""
    rows = CostEntry.objects.filter(model_key=model_key, currency=currency()).exclude(version="")
    decided = Count("run", filter=Q(outcome=Outcome.DECIDED), distinct=True)
    found = rows.values("version").annotate(
        sum=Sum("amount"),
        runs=Count("run", distinct=True),
        decisions=decided,
        began=Min("entered_at"),
        ended=Max("entered_at"),
    )
    ordered = sorted(found, key=lambda row: row["began"])
    return [
        VersionCost(
            model_key=model_key,
            version=row["version"],
            first=place == 0,
            amount=row["sum"],
            runs=row["runs"],
            decisions=row["decisions"],
            began=row["began"],
            ended=row["ended"],
        )
        for place, row in enumerate(ordered)
    ]


def total(parts: Sequence[Part]) -> Decimal:
    return sum((part.amount for part in parts), NOTHING)


def statement_rows(month: date) -> Iterator[tuple[Any, ...]]:
    """The lines of every bill: month, unit, model, source, items, currency, amount, exact amount."""
    for bill in unit_bills(month):
        for line in bill.lines:
            named = (f"{bill.month:%Y-%m}", bill.unit_key, line.model_key, line.source, line.items)
            yield *named, line.currency, line.amount, line.exact
