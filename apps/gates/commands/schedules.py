"""Monitoring by the calendar."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.gates import guards
from apps.gates.clock import database_now
from apps.gates.models import Schedule
from apps.gates.states import Purpose
from apps.inventory.models import ModelVersion, Use


@transaction.atomic
def set_schedule(
    *,
    by: Person,
    version: ModelVersion,
    use: Use,
    dataset: str,
    every_days: int,
    first_due: datetime | None = None,
) -> Schedule:
    """Measure a data set of a version every so many days, from now or from a time on."""
    require(by, Permission.RUN_REQUEST, version.model)
    guards.use_of(version, use)
    guards.dataset_of(version, dataset, Purpose.MONITORING)
    guards.days_between(every_days)
    try:
        with transaction.atomic():
            schedule = Schedule.objects.create(
                version=version,
                use=use,
                dataset=dataset,
                every_days=every_days,
                next_due=first_due or database_now(),
                set_by=by,
            )
    except IntegrityError as error:
        raise Refused(f"{version} is already monitored on {dataset} for {use.key}.") from error
    after = {"version": version.digest, "use": use.key, "dataset": dataset, "every_days": every_days}
    audit.record(by=by, action=EventName.SCHEDULE_SET, subject=schedule, after=after)
    return schedule


@transaction.atomic
def end_schedule(*, by: Person, schedule: Schedule, reason: str) -> Schedule:
    """Stop a schedule; the runs that it asked for stay."""
    require(by, Permission.RUN_REQUEST, schedule.version.model)
    held = Schedule.objects.select_for_update().get(pk=schedule.pk)
    guards.running(held)
    said = guards.said(reason, "reason")
    held.ended_at, held.ended_by = database_now(), by
    held.save(update_fields=["ended_at", "ended_by"])
    audit.record(
        by=by,
        action=EventName.SCHEDULE_ENDED,
        subject=held,
        before={"ended_at": None},
        after={"ended_at": held.ended_at},
        reason=said,
    )
    return held
