"""Bills of several currencies in one sum: at a rate of that month, which the sum names, or not at all."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.costs.commands import set_exchange_rate
from apps.costs.exchanging import in_one_currency
from apps.costs.models import ExchangeRate
from apps.costs.statements import Line, UnitBill
from tests import factories

pytestmark = pytest.mark.django_db
OCTOBER = date(2026, 10, 1)


def rate(value: object = "0.92", day: date = date(2026, 10, 30), code: str = "USD") -> ExchangeRate:
    return set_exchange_rate(
        by=factories.head(), currency_of=code, rate=value, day=day, source="the central bank"
    )


def bill(code: str, cents: str) -> UnitBill:
    amount = Decimal(cents)
    line = Line(model_key="m", source="focus", currency=code, items=1, exact=amount, amount=amount)
    return UnitBill(unit_key="retail", month=OCTOBER, currency=code, lines=(line,), exact=line.exact)


BILLS = [bill("EUR", "10.00"), bill("USD", "3.33"), bill("USD", "6.68")]


def test_the_sum_names_the_rate_that_it_used() -> None:
    rate("0.90", date(2026, 10, 2))
    newest = rate()
    found = in_one_currency(BILLS, OCTOBER)
    assert [(p.currency, p.amount, p.into) for p in found.parts] == [
        ("EUR", Decimal("10.00"), Decimal("10.00")), ("USD", Decimal("10.01"), Decimal("9.21")),
    ]  # fmt: skip
    assert (found.parts[1].rate, found.amount, found.currency) == (newest, Decimal("19.21"), "EUR")


def test_of_two_of_a_day_the_newer_counts() -> None:
    rate("0.90")
    corrected = rate("0.91")
    assert in_one_currency(BILLS, OCTOBER).parts[1].rate == corrected


@pytest.mark.parametrize("day", [date(2026, 9, 30), date(2026, 11, 1)])
def test_without_a_rate_of_that_month_there_is_no_sum(day: date) -> None:
    rate(day=day)
    with pytest.raises(Refused, match=r"Bills in USD cannot be added up in EUR: no exchange rate .* October"):
        in_one_currency(BILLS, OCTOBER)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": "EUR"}, "currency"),
        ({"code": "usd"}, "currency"),
        ({"value": "0"}, "rate"),
        ({"value": "NaN"}, "rate"),
        ({"value": "0.12345678901"}, "rate"),
        ({"day": timezone.now().date() + timedelta(days=2)}, "day"),
    ],
)
def test_what_is_no_rate_is_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rate(**changes)
    assert refused.value.field == field
    assert not ExchangeRate.objects.exists()


def test_who_may_not_set_rates_sets_none() -> None:
    with pytest.raises(Forbidden):
        set_exchange_rate(
            by=factories.developer(), currency_of="USD", rate="1", day=OCTOBER, source="the bank"
        )


def test_it_is_a_fact_and_an_event() -> None:
    row = rate()
    assert Event.objects.get(action="exchange.set").doc["after"]["rate"] == "0.9200000000"
    with pytest.raises(DatabaseError, match=r"append-only|written once|refuse|denied"), transaction.atomic():
        ExchangeRate.objects.filter(pk=row.pk).update(rate=2)


def test_the_page_takes_and_shows_it() -> None:
    client = Client()
    client.force_login(factories.head())
    told = {"currency": "USD", "rate": "0.92", "day": "2026-10-30", "source": "the central bank"}
    assert client.post("/costs/exchange", told).status_code == 302
    page = client.get("/costs/rates").content.decode()
    assert "1 USD" in page
    assert "0.92" in page
