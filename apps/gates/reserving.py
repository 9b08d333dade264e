"""What runs that are at work, or wait, will probably cost under a budget."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.costs.models import Budget
from apps.costs.queries import Planned, Standing, planned, standing
from apps.gates.models import Run
from apps.gates.states import PartitionState, RunState, WaitsFor

_BEGUN = (PartitionState.RUNNING, PartitionState.MEASURED)


def _under(budget: Budget) -> QuerySet[Run]:
    rows = Run.objects.filter(version__model__unit__key=budget.unit_key)
    return rows.filter(version__model__key=budget.model_key) if budget.model_key else rows


def _at_work() -> Q:
    """Measured at the moment, or in parts of which one was begun."""
    shared = Run.objects.filter(
        state=RunState.QUEUED, waits_for=WaitsFor.PARTITIONS, partitions__state__in=_BEGUN
    )
    return Q(state=RunState.RUNNING) | Q(pk__in=shared.values("pk"))


def reserved(budget: Budget, *, but: UUID | None = None) -> Planned:
    """The quotes of the runs at work, whose cost is entered only when they end."""
    rows = _under(budget).filter(_at_work())
    others = rows if but is None else rows.exclude(pk=but)
    return planned(others.values_list("pk", flat=True))


def whole_standing(budget: Budget, at: datetime | None = None) -> Standing:
    """How a budget stands, with what is at work under it and what waits."""
    waits = _under(budget).filter(state=RunState.QUEUED).exclude(_at_work())
    return standing(
        budget, at, reserved=reserved(budget), waiting=planned(waits.values_list("pk", flat=True))
    )
