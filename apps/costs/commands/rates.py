"""What a second costs, from a time on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.costs.amounts import money
from apps.costs.models import Rate
from apps.costs.queries import currency
from apps.costs.states import Hardware


@transaction.atomic
def set_rate(*, by: Person, hardware: str, per_second: Any, valid_from: datetime | None = None) -> Rate:
    """Set what a second of a hardware class costs from a time on, never for the past."""
    require(by, Permission.RATE_SET)
    if hardware not in list(Hardware):
        raise Invalid(f'"{hardware}" is no hardware class; it is {", ".join(Hardware)}.', field="hardware")
    now = timezone.now()
    if valid_from is not None and valid_from < now:
        raise Invalid("A rate begins now or later: what was priced stays.", field="valid_from")
    price = money(per_second, "per_second", places="0.0000000001")
    rate = Rate.objects.create(
        hardware=hardware, currency=currency(), per_second=price, valid_from=valid_from or now, set_by=by
    )
    after = {"hardware": hardware, "per_second": price, "valid_from": rate.valid_from}
    audit.record(by=by, action=EventName.RATE_SET, subject=rate, after=after)
    return rate
