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
from apps.gates.states import Lane, RunState


def charge(run: Run, *, by: Acting, outcome: Outcome, until: datetime, usage: Usage | None = None) -> None:
    """Enter an attempt that came to nothing: what was measured of it, else the time that it held the run."""
    if run.state == RunState.QUEUED and run.fence:
        return  # nobody is at it, and each earlier attempt was entered when it ended
    used: Usage | Held = usage or _held(run, until)
    if outcome in (Outcome.ERRORED, Outcome.DEAD):
        used = _with_partitions(run, used)
    enter(by=by, run=run, usage=used, outcome=outcome)


def _with_partitions(run: Run, used: Usage | Held) -> Usage | Held:
    """The last attempt of a run that comes to nothing bears what its partitions used."""
    parts = [told for told in run.partitions.values_list("usage", flat=True) if told]
    if not parts:
        return used
    names = ("cpu_seconds", "wall_seconds", "gpu_seconds")
    sums = {name: getattr(used, name) + sum(part[name] for part in parts) for name in names}
    peak = max(used.peak_memory_bytes, *(part["peak_memory_bytes"] for part in parts))
    return Usage(**{name: round(value, 6) for name, value in sums.items()}, peak_memory_bytes=peak)


def _held(run: Run, until: datetime) -> Held:
    if run.state == RunState.QUEUED or run.started_at is None:
        return Held()
    seconds = max((until - run.started_at).total_seconds(), 0.0)
    return Held(wall_seconds=seconds, gpu_seconds=seconds if run.lane == Lane.GPU else 0.0)


def last_beat(run: Run, now: datetime) -> datetime:
    """When the worker of a run whose lease ran out was heard of last."""
    return now if run.lease_until is None else run.lease_until - pacing.lease()


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
