"""What attempts at runs cost, and whether the budget allows another; told before it begins."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from apps.access.guards import why_not
from apps.audit.states import Acting
from apps.costs.commands import Held, enter, refuse_start
from apps.costs.guards import within_budget
from apps.costs.states import WAITS, Outcome
from apps.gates import pacing
from apps.gates.measuring import Usage
from apps.gates.models import Partition, Run
from apps.gates.reserving import reserved
from apps.gates.states import ELSEWHERE, Lane, RunState


def charge(run: Run, *, by: Acting, outcome: Outcome, until: datetime, usage: Usage | None = None) -> None:
    """Enter an attempt that came to nothing: what was measured of it, else the time that it held the run."""
    if run.state == RunState.QUEUED and run.fence:
        return  # nobody is at it, and each earlier attempt was entered when it ended
    enter(by=by, run=run, usage=usage or _held(run, until), outcome=outcome)


def charge_partition(
    row: Partition, *, by: Acting, outcome: Outcome, until: datetime, usage: Usage | None = None
) -> None:
    """Enter an attempt at a partition, whatever came of it; what others sum up is on their own bill."""
    if not row.owner.startswith(ELSEWHERE):
        enter(by=by, run=row.run, share=row, usage=usage or _held(row, until), outcome=outcome)


def _held(row: Run | Partition, until: datetime) -> Held:
    if row.state == RunState.QUEUED or row.started_at is None:
        return Held()
    seconds = max((until - row.started_at).total_seconds(), 0.0)
    return Held(wall_seconds=seconds, gpu_seconds=seconds if row.lane == Lane.GPU else 0.0)


def last_beat(row: Run | Partition, now: datetime) -> datetime:
    """When the worker was heard of last whose lease ran out."""
    return now if row.lease_until is None else row.lease_until - pacing.lease()


def affordable(row: Run | Partition, *, by: Acting, now: datetime, begins: bool = True) -> bool:
    """Whether it may begin; where a budget has no room it waits and says so, and that is noted once.

    Where it begins at once the budgets are held until the transaction ends, so that of runs that begin at
    the same moment each counts the others.
    """
    run = row if isinstance(row, Run) else row.run
    others = partial(reserved, but=run.pk)
    why = why_not(within_budget, run.version.model, run=run.pk, reserved=others, hold=begins)
    if not why:
        return True
    if not row.cause.startswith(WAITS):
        refuse_start(by=by, subject=run, why=why)
    row.cause, row.not_before = f"{WAITS}{why[:1].lower()}{why[1:]}", now + pacing.BUDGET_REST
    row.save(update_fields=["cause", "not_before"])
    return False


def unsaid(row: Run | Partition) -> str:
    """The cause without the sentence that it waits for money: now it begins."""
    return "" if row.cause.startswith(WAITS) else row.cause
