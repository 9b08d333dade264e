"""What a worker holds for a time: runs and partitions alike, for both have the same columns for it.

A claim raises the fence; whoever works on a row names that fence with every write, so a worker that was
frozen and replaced can write nothing. A worker that is gone is counted apart from failures of the row's own.
All times are the database's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import QuerySet

from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.costs.states import Outcome
from apps.gates import pacing
from apps.gates.clock import Clock
from apps.gates.commands import spending
from apps.gates.models import Partition, Run
from apps.gates.states import Failure, Lane, RunState

Row = TypeVar("Row", Run, Partition)
# A partition's states have the same names.
QUEUED, RUNNING = RunState.QUEUED, RunState.RUNNING
CRAMPED = (Lane.QUICK, Lane.GPU)


class Fenced(Exception):
    """Somebody else works on it by now; what this worker found is thrown away."""


def expired(row: Run | Partition, now: datetime) -> bool:
    """Whether a worker holds it that was silent for longer than its lease."""
    return row.state == RUNNING and row.lease_until is not None and row.lease_until < now


def may_begin(row: Run | Partition, now: datetime) -> bool:
    """Whether it waits, and rests no more."""
    return row.state == QUEUED and not (row.not_before and row.not_before > now)


def begin(row: Row, *, by: Acting, event: EventName, owner: str, now: datetime, **more: Any) -> Row:
    """Hand the row to a worker."""
    return audit.move(
        row,
        RUNNING,
        by=by,
        event=event,
        fence=row.fence + 1,
        owner=owner,
        lease_until=now + pacing.lease(),
        started_at=now,
        cause=spending.unsaid(row),
        **more,
    )


def keep(rows: QuerySet[Row]) -> bool:
    """Keep the lease of the one row that is left; False where it is no longer this worker's."""
    return rows.update(lease_until=Clock() + pacing.lease()) == 1


def queue(row: Row, *, by: Acting, event: EventName, reason: str = "", **changes: Any) -> Row:
    """Let the row wait again, as it was before somebody took it."""
    return audit.move(
        row,
        QUEUED,
        by=by,
        event=event,
        reason=reason,
        where={"fence": row.fence},
        lease_until=None,
        finished_at=None,
        published_at=None,
        hints=0,
        **changes,
    )


def lost(row: Row, *, by: Acting, event: EventName, now: datetime, give_up: Callable[[str, int], Row]) -> Row:
    """Its worker is gone: it waits again, apart from the others after a while, or is given up."""
    times = row.lost + 1
    if times >= pacing.MAX_LOST:
        return give_up(f"Its worker was lost {times} times; the last was {row.owner}.", times)
    lane = Lane.QUARANTINE if times >= pacing.QUARANTINE_AFTER else Lane(row.lane)
    rest = now + pacing.after_loss(times)
    return queue(row, by=by, event=event, not_before=rest, lost=times, lane=lane)


def again(row: Row, *, by: Acting, event: EventName, failure: Failure, cause: str, now: datetime) -> Row:
    """An attempt gave nothing: it waits for another, with more room where it lacked room."""
    attempt = row.attempt + 1
    return queue(
        row,
        by=by,
        event=event,
        reason=cause,
        not_before=now + pacing.after_failure(attempt),
        attempt=attempt,
        lane=Lane.HEAVY if failure is Failure.RESOURCE else Lane(row.lane),
        cause=cause,
    )


def final(failure: Failure, row: Run | Partition) -> bool:
    """Whether another attempt would end the same: a wrong input always, want of room on the roomy lane.

    A GPU without room is no end: the heavy lane has more memory, and does without one.
    """
    return failure is Failure.INPUT or (failure is Failure.RESOURCE and row.lane not in CRAMPED)


def last_attempt(row: Run | Partition) -> bool:
    """Whether no attempt is left after the one that just failed."""
    return row.attempt + 1 >= pacing.MAX_ATTEMPTS


def ended(failure: Failure, row: Run | Partition) -> Outcome:
    """How an attempt ended that gave nothing."""
    if final(failure, row):
        return Outcome.ERRORED
    return Outcome.DEAD if last_attempt(row) else Outcome.RETRIED


def given_up(row: Run | Partition) -> Outcome:
    """How an attempt ended whose worker is gone."""
    return Outcome.DEAD if row.lost + 1 >= pacing.MAX_LOST else Outcome.LOST


def of_worker(rows: QuerySet[Row], owner: str) -> QuerySet[Row]:
    """Those of the rows that a worker's processes hold."""
    return rows.filter(state=RUNNING, owner__startswith=f"{owner}:")


def is_of(row: Run | Partition | None, owner: str) -> bool:
    """Whether one of a worker's processes holds it still."""
    return row is not None and row.state == RUNNING and row.owner.startswith(f"{owner}:")


def leaving(owner: str) -> str:
    """Why a row waits again that failed at nothing."""
    return f"The worker {owner} is shut down."


def held_by(row: Row | None, given: Run | Partition) -> Row:
    """The locked row; Fenced where somebody else took it, or it ended."""
    if row is None or row.fence != given.fence or row.state != RUNNING:
        raise Fenced(f"{given} is no longer held under fence {given.fence}")
    return row
