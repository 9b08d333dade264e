"""A turn of the relay: runs whose lease ran out, messages that may be lost, calendars that are due."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.gates import hints, pacing, queries, waiting
from apps.gates.clock import Clock, database_now
from apps.gates.commands.leases import hold, lose
from apps.gates.commands.leasing import expired
from apps.gates.commands.requests import request_scheduled
from apps.gates.models import Run, Schedule
from apps.gates.states import RunState

BATCH = 200
WAKE = 8
log = logging.getLogger(__name__)


def take_back(*, by: Acting) -> int:
    """Runs whose lease ran out wait again, or are dead; how many there were."""
    late = Run.objects.filter(state=RunState.RUNNING, lease_until__lt=Clock())
    return sum(_take_back(by, run_id) for run_id in late.values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _take_back(by: Acting, run_id: UUID) -> bool:
    run, now = hold(run_id), database_now()
    if run is None or not expired(run, now):
        return False
    lost = lose(by=by, run=run, now=now)
    log.warning("the lease of run %s ran out (%s); it is %s", run.pk, run.owner, lost.state)
    return True


def send_hints(*, by: Acting) -> int:
    """Send a message for each queued run whose last one is old enough; how many were sent."""
    now, sent = database_now(), 0
    for run in _waiting(now):
        if not _stale(run, now):
            continue
        if not hints.send(run.pk, run.lane):
            break  # the broker is away: the next turn tries again
        same = Run.objects.filter(pk=run.pk, state=RunState.QUEUED)
        sent += same.update(published_at=now, hints=F("hints") + 1)
    return sent


def wake_lanes(*, by: Acting) -> int:
    """Send messages where a lane stands still although runs wait and workers were there a moment ago.

    A broker that was emptied forgets the messages of a whole queue; those of single runs come again only
    after minutes when the queue is long.
    """
    sent = 0
    for lane in waiting.stalled(database_now()):
        for run_id in waiting.next_in(lane, WAKE):
            if not hints.send(run_id, lane):
                return sent
            mark = Run.objects.filter(pk=run_id, state=RunState.QUEUED)
            sent += mark.update(published_at=Clock(), hints=F("hints") + 1)
    return sent


def _waiting(now: datetime) -> QuerySet[Run]:
    due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    silent = Q(published_at__isnull=True) | Q(published_at__lte=now - pacing.FIRST_HINT)
    rows = Run.objects.filter(due & silent, state=RunState.QUEUED)
    return rows.only("pk", "lane", "published_at", "hints").order_by("requested_at")


def _stale(run: Run, now: datetime) -> bool:
    return run.published_at is None or run.published_at <= now - pacing.between_hints(run.hints)


def request_due(*, by: Acting) -> int:
    """Ask for the runs that schedules owe; how many fell due."""
    due = queries.due_schedules(database_now()).values_list("pk", flat=True)
    return sum(_request_due(by, pk) for pk in due[:BATCH])


@transaction.atomic
def _request_due(by: Acting, pk: int) -> bool:
    rows = Schedule.objects.select_for_update(of=("self",)).select_related("version__model", "use", "set_by")
    schedule, now = rows.get(pk=pk), database_now()
    if schedule.ended_at is not None or schedule.next_due > now:
        return False
    try:
        with transaction.atomic():
            request_scheduled(by=by, schedule=schedule)
    except Refused as refused:
        # It stays in the record that monitoring did not happen; the calendar goes on.
        audit.record(by=by, action=EventName.SCHEDULE_REFUSED, subject=schedule, reason=str(refused))
        schedule.missed_at, schedule.missed_why = now, f"It was refused: {refused}"
    step = timedelta(days=schedule.every_days)
    missed = (now - schedule.next_due) // step
    if missed:
        times = f"{missed} time{'s' if missed > 1 else ''}"
        _miss(
            by, schedule, now, f"Nothing was asked for {times} since {schedule.next_due:%Y-%m-%d %H:%M} UTC."
        )
    schedule.next_due += step * (missed + 1)
    schedule.save(update_fields=["next_due", "missed_at", "missed_why"])
    return True


def _miss(by: Acting, schedule: Schedule, now: datetime, why: str) -> None:
    schedule.missed_at, schedule.missed_why = now, why
    audit.record(
        by=by,
        action=EventName.SCHEDULE_MISSED,
        subject=schedule,
        reason=why,
        after={"due": schedule.next_due, "dataset": schedule.dataset},
    )


def note_missed(*, by: Acting) -> int:
    """Raise the alert for schedules whose newest run gave no decision, or gives none; how many there were."""
    found = queries.unmonitored(database_now())
    return sum(_note_missed(by, schedule.pk) for schedule in found[:BATCH])


@transaction.atomic
def _note_missed(by: Acting, pk: int) -> bool:
    schedule, now = Schedule.objects.select_for_update().get(pk=pk), database_now()
    run = schedule.runs.order_by("-requested_at").first()
    told = run is not None and schedule.missed_at is not None and schedule.missed_at >= run.requested_at
    if run is None or told or schedule.ended_at is not None:
        return False
    why = f"Its run of {run.requested_at:%Y-%m-%d %H:%M} UTC is {run.state}"
    _miss(by, schedule, now, f"{why}: {run.cause}" if run.cause else f"{why}.")
    schedule.save(update_fields=["missed_at", "missed_why"])
    return True
