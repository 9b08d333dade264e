"""Schedules of monitoring as people see them: those of a model, in force first."""

from __future__ import annotations

from django.db.models import F, QuerySet

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.audit.errors import NotFound
from apps.gates.models import Schedule
from apps.inventory.models import RegisteredModel


def schedules_of(model: RegisteredModel) -> QuerySet[Schedule]:
    """Every schedule of a model's versions: those that go on, then those that ended, the newest first."""
    rows = Schedule.objects.filter(version__model=model)
    rows = rows.select_related("version__model", "use", "set_by", "ended_by")
    return rows.order_by(F("ended_at").desc(nulls_first=True), "-set_at", "-pk")


def find_schedule(by: Person, model: RegisteredModel, schedule_id: int) -> Schedule:
    """A schedule of a model that the person may see; NotFound otherwise."""
    rows = schedules_of(model).filter(version__model__in=visible_models(by))
    row = rows.filter(pk=schedule_id).first() if schedule_id < 2**63 else None
    if row is None:
        raise NotFound("There is no such schedule.")
    return row
