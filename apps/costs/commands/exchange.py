"""What another currency was worth on a day."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.costs.amounts import money
from apps.costs.bills import RowRefused, currency_code
from apps.costs.models import ExchangeRate
from apps.costs.queries import currency


@transaction.atomic
def set_exchange_rate(*, by: Person, currency_of: str, rate: Any, day: date, source: str) -> ExchangeRate:
    """Write down how much of the installation's currency one unit of another was worth on a day."""
    require(by, Permission.RATE_SET)
    try:
        code = currency_code(currency_of.strip(), "currency")
    except RowRefused as refused:
        raise Invalid(str(refused), field="currency") from refused
    if code == currency():
        raise Invalid(f"{code} is the currency of this installation: it needs no rate.", field="currency")
    if day > timezone.now().date():
        raise Invalid(f"{day} has not come yet; a rate is of a day that has.", field="day")
    row = ExchangeRate.objects.create(
        currency=code,
        into=currency(),
        rate=money(rate, "rate", places="0.0000000001"),
        day=day,
        source=required(source, field="source", longest=200),
        set_by=by,
    )
    after = {"currency": code, "into": row.into, "rate": row.rate, "day": day, "source": row.source}
    audit.record(by=by, action=EventName.EXCHANGE_SET, subject=row, after=after)
    return row
