"""Who works on a run: claim, keep, lose, retry. Every change of a run's state is made here or by `finish`.

What runs share with partitions stands in `leasing`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.costs.states import Outcome
from apps.gates import hints, waiting
from apps.gates.clock import database_now
from apps.gates.commands import leasing, spending
from apps.gates.commands.leasing import expired
from apps.gates.commands.turns import note_turn
from apps.gates.measuring import Usage
from apps.gates.models import Run
from apps.gates.states import Failure, RunState

# So many are looked at, so that workers who come at the same moment find different ones.
RIVALS = 16


def hold(run_id: UUID) -> Run | None:
    """The run's row, locked until the transaction ends."""
    return Run.objects.select_for_update(of=("self",)).filter(pk=run_id).first()


@transaction.atomic
def claim(*, by: Acting, run_id: UUID, owner: str) -> Run | None:
    """Take a queued run, or one whose lease ran out; None where there is nothing to take."""
    run, now = hold(run_id), database_now()
    if run is None:
        return None
    if expired(run, now):
        run = lose(by=by, run=run, now=now)
    return _take(run, by=by, owner=owner, now=now)


def _take(run: Run, *, by: Acting, owner: str, now: datetime) -> Run | None:
    if not leasing.may_begin(run, now) or not spending.affordable(run, by=by, now=now):
        return None
    note_turn(run, now)
    return leasing.begin(run, by=by, event=EventName.RUN_CLAIMED, owner=owner, now=now, gates_done=0)


def claim_next(*, by: Acting, lane: str, owner: str) -> Run | None:
    """Take the run of a lane whose turn it is; None where nothing waits that may begin."""
    for run_id in waiting.next_in(lane, RIVALS):
        taken = _claim_free(by=by, run_id=run_id, owner=owner)
        if taken is not None:
            return taken
    return None


@transaction.atomic
def _claim_free(*, by: Acting, run_id: UUID, owner: str) -> Run | None:
    """The same as `claim`, but a run that somebody else is just taking is left to them."""
    rows = Run.objects.select_for_update(of=("self",), skip_locked=True)
    run = rows.filter(pk=run_id, state=RunState.QUEUED).first()
    return None if run is None else _take(run, by=by, owner=owner, now=database_now())


def give_back(*, by: Acting, owner: str) -> int:
    """The runs of a worker that is shut down wait again at once; how many there were.

    It counts as no failure and no loss: a service that is deployed ten times a day loses no run by it.
    """
    mine = leasing.of_worker(Run.objects.all(), owner)
    return sum(_give_back(by, owner, run_id) for run_id in mine.values_list("pk", flat=True))


@transaction.atomic
def _give_back(by: Acting, owner: str, run_id: UUID) -> bool:
    run = hold(run_id)
    if run is None or not leasing.is_of(run, owner):
        return False
    spending.charge(run, by=by, outcome=Outcome.RETURNED, until=database_now())
    told = leasing.leaving(owner)
    returned = leasing.queue(run, by=by, event=EventName.RUN_RETURNED, reason=told, not_before=None)
    hints.send_after_commit(returned.pk, returned.lane)
    return True


def lose(*, by: Acting, run: Run, now: datetime) -> Run:
    """The worker of a run is gone: the run waits again, or is dead after too many losses."""
    until = spending.last_beat(run, now)
    spending.charge(run, by=by, outcome=leasing.given_up(run), until=until)

    def give_up(cause: str, times: int) -> Run:
        return _bury(run, by=by, now=now, cause=cause, lost=times)

    return leasing.lost(run, by=by, event=EventName.RUN_LOST, now=now, give_up=give_up)


def _bury(run: Run, *, by: Acting, now: datetime, cause: str, **counted: int) -> Run:
    return audit.move(
        run,
        RunState.DEAD,
        by=by,
        event=EventName.RUN_DEAD,
        reason=cause,
        where={"fence": run.fence},
        cause=cause,
        finished_at=now,
        lease_until=None,
        **counted,
    )


def beat(*, run_id: UUID, fence: int) -> bool:
    """Keep the lease; False where the run is no longer this worker's."""
    return leasing.keep(Run.objects.filter(pk=run_id, fence=fence, state=RunState.RUNNING))


def note_progress(*, run_id: UUID, fence: int, done: int, progress: list[dict[str, Any]]) -> bool:
    """Show how far the measuring is; False where the run is no longer this worker's."""
    mine = Run.objects.filter(pk=run_id, fence=fence, state=RunState.RUNNING)
    return mine.update(gates_done=done, progress=progress) == 1


def still_mine(run: Run) -> Run:
    """The run's row, locked; Fenced where somebody else took it, or it ended."""
    return leasing.held_by(hold(run.pk), run)


@transaction.atomic
def fail(*, by: Acting, run: Run, failure: Failure, cause: str, usage: Usage | None = None) -> Run:
    """An attempt gave nothing: try again where that makes sense, else end with the cause. Never a pass."""
    held, now = still_mine(run), database_now()
    attempt = held.attempt + 1
    spending.charge(held, by=by, outcome=leasing.ended(failure, held), until=now, usage=usage)
    if leasing.final(failure, held):
        return audit.move(
            held,
            RunState.ERRORED,
            by=by,
            event=EventName.RUN_ERRORED,
            reason=cause,
            where={"fence": run.fence},
            cause=cause,
            attempt=attempt,
            finished_at=now,
            lease_until=None,
        )
    if leasing.last_attempt(held):
        return _bury(held, by=by, now=now, cause=f"{cause} It failed {attempt} times.", attempt=attempt)
    return leasing.again(held, by=by, event=EventName.RUN_RETRIED, failure=failure, cause=cause, now=now)
