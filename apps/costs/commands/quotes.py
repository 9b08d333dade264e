"""What a run was expected to cost, written down when it is asked for."""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from django.db import transaction

from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.costs.models import Quote
from apps.costs.quoting import quote
from apps.inventory.models import ModelVersion


class Asked(Protocol):
    """A run that somebody asks for."""

    @property
    def pk(self) -> Any: ...
    @property
    def version(self) -> ModelVersion: ...
    @property
    def purpose(self) -> str: ...


@transaction.atomic
def quote_run(*, by: Acting, run: Asked) -> Quote:
    """Write down what the run will probably cost, to be compared with what it did."""
    model, expected = run.version.model, quote(run.version.model, run.purpose)
    row = Quote.objects.create(
        run=UUID(str(run.pk)),
        model_key=model.key,
        unit_key=model.unit.key,
        low=expected.low,
        median=expected.median,
        high=expected.high,
        currency=expected.currency,
        sample=expected.sample,
        basis=expected.basis,
    )
    after = {"run": row.run, "median": row.median, "low": row.low, "high": row.high, "sample": row.sample}
    audit.record(by=by, action=EventName.COST_QUOTED, subject=row, after=after)
    return row
