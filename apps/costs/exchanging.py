"""A month's bills in one currency: at rates of that month, which stand beside the sum."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from django.db.models import QuerySet

from apps.audit.errors import Invalid, Refused
from apps.costs.models import ExchangeRate
from apps.costs.queries import CENT, NOTHING, currency, month_of, next_month
from apps.costs.statements import UnitBill


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What is owed in one currency, and what that is in the installation's; its own has no rate."""

    currency: str
    amount: Decimal
    rate: ExchangeRate | None
    into: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSum:
    """All bills of a month in one currency."""

    currency: str
    parts: tuple[Exchanged, ...]

    @property
    def amount(self) -> Decimal:
        return sum((part.into for part in self.parts), Decimal("0.00"))


def exchange_rates() -> QuerySet[ExchangeRate]:
    """All that were set into the installation's currency, the newest day first."""
    return ExchangeRate.objects.filter(into=currency()).select_related("set_by").order_by("-day", "-pk")


def named_day(text: str, field: str) -> date:
    """The day of ``2026-11-30``; Invalid for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f'"{text[:20]}" is no day; one is written as 2026-11-30.', field=field) from None


def rate_for(code: str, month: date) -> ExchangeRate:
    """The rate of the last day of a month for which there is one; Refused where there is none."""
    first = month_of(month)
    found = exchange_rates().filter(currency=code, day__gte=first, day__lt=next_month(first)).first()
    if found is None:
        raise Refused(
            f"Bills in {code} cannot be added up in {currency()}: no exchange rate of a day in "
            f"{first:%B %Y} was set.",
            code="no_exchange_rate",
        )
    return found


def in_one_currency(bills: Iterable[UnitBill], month: date) -> OneSum:
    """The bills' sum in the installation's currency; each other currency is exchanged as a whole, once."""
    sums: dict[str, Decimal] = {}
    for bill in bills:
        sums[bill.currency] = sums.get(bill.currency, NOTHING) + bill.amount
    parts = tuple(_exchanged(code, amount, month) for code, amount in sorted(sums.items()))
    return OneSum(currency=currency(), parts=parts)


def _exchanged(code: str, amount: Decimal, month: date) -> Exchanged:
    if code == currency():
        return Exchanged(currency=code, amount=amount, rate=None, into=amount)
    rate = rate_for(code, month)
    into = (amount * rate.rate).quantize(CENT, rounding=ROUND_HALF_EVEN)
    return Exchanged(currency=code, amount=amount, rate=rate, into=into)
