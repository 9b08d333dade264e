"""One run, start to end: claim, measure outside any transaction, decide, seal everything at once."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from apps.audit.errors import Refused
from apps.audit.states import Acting
from apps.audit.tracing import about_run, span
from apps.engine.errors import Problem
from apps.engine.policy import Gate, gates_for
from apps.gates import hints, pacing, queries, waiting
from apps.gates.commands import leases
from apps.gates.commands.deciding import decide_and_seal
from apps.gates.commands.leasing import Fenced
from apps.gates.commands.partitions import sum_up_again
from apps.gates.hardware import consented
from apps.gates.heart import Heart
from apps.gates.measuring import Found, NotMeasured
from apps.gates.models import Run
from apps.gates.progress import Tally
from apps.gates.states import Failure
from apps.gates.summing import Lacking, measure_run
from apps.inventory.commands import keep_made
from apps.outside.transcript import MEDIA

# A deadlock, a serialization failure: nothing was written, and the next try may well succeed.
CONFLICTS = ("40P01", "40001")
PAUSES = (0.05, 0.2)
AWAY = (0.5, 1.0, 2.0, 4.0, 8.0)
log = logging.getLogger(__name__)


def execute_run(*, by: Acting, run_id: UUID, owner: str) -> Run | None:
    """Take a run and bring it to its end; None where somebody else has it, or took it meanwhile."""
    run = leases.claim(by=by, run_id=run_id, owner=owner)
    return None if run is None else _executed(run, by)


def execute_next(*, by: Acting, lane: str, owner: str) -> Run | None:
    """Take the run of a lane whose turn it is and bring it to its end; None where nothing waits.

    While more waits, a message goes out afterwards: one message that arrives empties a whole lane.
    """
    run = _patiently(partial(leases.claim_next, by=by, lane=lane, owner=owner))
    if run is None:
        return None
    done = _executed(run, by)
    for run_id in waiting.next_in(lane, 1):
        hints.send(run_id, lane)
    return done


def _patiently(claim: Callable[[], Run | None]) -> Run | None:
    """Claim once the database answers: a message that is thrown away wakes nobody a second time."""
    for pause in AWAY:
        try:
            return claim()
        except (InterfaceError, OperationalError):
            if connection.in_atomic_block:
                raise
            connection.close()
        time.sleep(pause)
    return claim()


def _executed(run: Run, by: Acting) -> Run | None:
    with about_run(run.pk, "run.execute", lane=str(run.lane), attempt=run.fence):
        try:
            return _worked(run, by)
        except Fenced as fenced:
            log.warning("what was found for run %s is thrown away: %s", run.pk, fenced)
            return None


def _worked(run: Run, by: Acting) -> Run:
    try:
        return _decided(run, by)
    except (Fenced, InterfaceError, OperationalError):
        # Where the database is away nothing can be written: the lease runs out, the run is taken up again.
        raise
    except Lacking as lacking:
        return sum_up_again(by=by, run=run, lacking=lacking)
    except NotMeasured as failed:
        return leases.fail(by=by, run=run, failure=failed.failure, cause=str(failed), usage=failed.usage)
    except (Refused, Problem) as refused:
        return leases.fail(by=by, run=run, failure=Failure.INPUT, cause=str(refused))
    except Exception as error:
        log.exception("run %s failed", run.pk)
        cause = f"Something unforeseen went wrong ({type(error).__name__}: {error})."
        return leases.fail(by=by, run=run, failure=Failure.CRASH, cause=cause)


def _decided(run: Run, by: Acting) -> Run:
    policies = queries.pinned_policies(run)
    gates = [g for g in gates_for(policies) if g.speaks_of(run.pinned["fields"])]
    consented(run, policies, gates)
    with span("run.measure", gates=len(gates)):
        found = _measured(run, gates) if gates else Found.nothing()
    if found.transcript is not None:  # kept before the facts that name it, outside of their transaction
        keep_made(by=by, data=found.transcript.written(), media=MEDIA)
    with span("run.seal"):
        return _settled(partial(decide_and_seal, by=by, run=run, policies=policies, gates=gates, found=found))


def _settled(seal: Callable[[], Run]) -> Run:
    """Seal, and once more where the database had to undo it because another transaction stood in the way."""
    for pause in PAUSES:
        try:
            return seal()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in CONFLICTS or connection.in_atomic_block:
                raise
        time.sleep(pause + secrets.randbelow(50) / 1000)
    return seal()


def _measured(run: Run, gates: Sequence[Gate]) -> Found:
    tally = Tally(gates, partial(_show, run))
    keep = partial(leases.beat, run_id=run.pk, fence=run.fence)
    # Inside somebody's transaction the claim is not visible to anybody else, so there is nothing to keep.
    if connection.in_atomic_block:
        return measure_run(run, gates, progress=tally, tick=_no_tick)
    mine = partial(queries.held_under, run.pk, run.fence)
    with Heart(keep, every=pacing.lease().total_seconds() / 3, mine=mine) as heart:
        return measure_run(run, gates, progress=tally, tick=partial(_stop_when_lost, run, heart))


def _show(run: Run, done: int, rows: list[dict[str, Any]]) -> None:
    if not leases.note_progress(run_id=run.pk, fence=run.fence, done=done, progress=rows):
        raise Fenced(f"{run} is no longer held under fence {run.fence}")


def _stop_when_lost(run: Run, heart: Heart) -> None:
    if heart.lost.is_set():
        raise Fenced(f"{run} is no longer held under fence {run.fence}")


def _no_tick() -> None:
    """Nobody can take the run away."""
