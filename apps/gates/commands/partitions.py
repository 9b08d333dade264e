"""Partitions of a run: shared out, summed up, sealed. The run is the last step and waits for them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction

from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting, Ref
from apps.audit.tracing import about_run
from apps.costs.states import Outcome
from apps.engine.errors import Problem
from apps.engine.policy import Gate, gates_for
from apps.engine.version import ENGINE_VERSION
from apps.gates import hints, pacing, queries
from apps.gates.clock import database_now
from apps.gates.commands import leasing
from apps.gates.commands.leases import fail, hold
from apps.gates.commands.leasing import Fenced
from apps.gates.commands.partition_leases import (
    beat_partition,
    claim_partition,
    give_up,
    mine,
    queue,
    release,
    still_mine,
    wait,
)
from apps.gates.commands.spending import charge_partition
from apps.gates.dividing import shares_of
from apps.gates.hardware import consented
from apps.gates.heart import Heart
from apps.gates.measuring import NotMeasured, Usage
from apps.gates.models import Partition, Run
from apps.gates.states import Failure, PartitionState, RunState, WaitsFor
from apps.gates.summing import STATEMENT, Lacking, Summed, sum_up
from apps.inventory.commands import keep_made

MEDIA = "application/vnd.countersign.partition"
log = logging.getLogger(__name__)


def divide(*, by: Acting, run: Run, gates: Sequence[Gate]) -> int:
    """Share out the data of a new run, where some are large and in parts; how many partitions there are.

    The run waits for all of them. Called in the transaction that makes the run.
    """
    if run.version.artifact_format == "endpoint":
        return 0  # a service is asked by one worker, and its answers are one transcript
    now = database_now()
    rows = [
        Partition(
            run=run, dataset=s.dataset, number=s.number, parts=dict(s.parts), lane=run.lane,
            published_at=now, hints=1,
        )
        for s in shares_of(run.version, gates)
    ]  # fmt: skip
    if rows:
        Partition.objects.bulk_create(rows)
        wait(run)
        for row in rows if run.waits_for == WaitsFor.PARTITIONS else ():
            transaction.on_commit(partial(hints.send_partition, row.pk, row.lane))
    return len(rows)


# The work -----------------------------------------------------------------------------------------------


def execute_partition(*, by: Acting, partition_id: UUID, owner: str) -> Partition | None:
    """Take a partition and sum it up; None where somebody else has it, or took it meanwhile."""
    row = claim_partition(by=by, partition_id=partition_id, owner=owner)
    if row is None:
        return None
    with about_run(row.run_id, "run.partition", number=row.number):
        try:
            return _worked(row, by)
        except Fenced as fenced:
            log.warning("what was summed up of partition %s is thrown away: %s", row.pk, fenced)
            return None


def gates_of(run: Run) -> list[Gate]:
    """The gates that a run asks, by the policies that it pinned."""
    return [g for g in gates_for(queries.pinned_policies(run)) if g.speaks_of(run.pinned["fields"])]


def _worked(row: Partition, by: Acting) -> Partition:
    try:
        gates = gates_of(row.run)
        consented(row.run, queries.pinned_policies(row.run), gates)
        return finish_partition(by=by, partition=row, gates=gates, summed=_summed(row, gates))
    except (Fenced, InterfaceError, OperationalError):
        # Where the database is away nothing can be written: the lease runs out, it is taken up again.
        raise
    except NotMeasured as failed:
        return fail_partition(
            by=by, partition=row, failure=failed.failure, cause=str(failed), usage=failed.usage
        )
    except (Refused, Problem) as refused:
        return fail_partition(by=by, partition=row, failure=Failure.INPUT, cause=str(refused))
    except Exception as error:
        log.exception("partition %s failed", row.pk)
        cause = f"Something unforeseen went wrong ({type(error).__name__}: {error})."
        return fail_partition(by=by, partition=row, failure=Failure.CRASH, cause=cause)


def _summed(row: Partition, gates: Sequence[Gate]) -> Summed:
    if connection.in_atomic_block:
        return sum_up(row, gates, tick=_no_tick)
    keep = partial(beat_partition, partition_id=row.pk, fence=row.fence)
    held = mine(row.pk, row.fence).filter(run__state=RunState.QUEUED)
    with Heart(keep, every=pacing.lease().total_seconds() / 3, mine=lambda: held.exists()) as heart:
        return sum_up(row, gates, tick=partial(_stop_when_lost, row, heart))


def _stop_when_lost(row: Partition, heart: Heart) -> None:
    if heart.lost.is_set():
        raise Fenced(f"{row} is no longer held under fence {row.fence}")


def _no_tick() -> None:
    """Nobody can take the partition away."""


def finish_partition(*, by: Acting, partition: Partition, gates: Sequence[Gate], summed: Summed) -> Partition:
    """Keep and seal what was summed up; the last partition lets the run begin."""
    if summed.data is not None:
        keep_made(by=by, data=summed.data, media=MEDIA)
    with transaction.atomic():
        run = hold(partition.run_id)
        held = still_mine(partition)
        statement = audit.seal(
            by=by,
            predicate_type=STATEMENT,
            subjects=[
                Ref("version", str(held.run.version_id), str(held.run.version), held.run.version.digest)
            ],
            predicate={
                "run": held.run_id,
                "dataset": held.dataset,
                "parts": held.parts,
                "rows": summed.rows,
                "summary": summed.digest,
                "gates": sorted(gate.id for gate in gates),
                "engine": ENGINE_VERSION,
                "provenance": summed.provenance,
                "walls": summed.walls,
                "machine": summed.machine,
                "worker": held.owner,
            },
            event=EventName.PARTITION_SEALED,
        )
        now = database_now()
        charge_partition(held, by=by, outcome=Outcome.MEASURED, until=now, usage=summed.usage)
        moved = audit.move(
            held,
            PartitionState.MEASURED,
            by=by,
            event=EventName.PARTITION_MEASURED,
            where={"fence": held.fence},
            lease_until=None,
            finished_at=now,
            rows=summed.rows,
            summary_id=summed.digest,
            statement_digest=statement.digest,
            usage=summed.usage.as_json(),
            failure="",
            cause="",
        )
        if run is not None and not _left(run):
            release(by=by, run=run)
    return moved


def _left(run: Run) -> bool:
    """Whether a partition of the run is still to be summed up."""
    return run.partitions.exclude(state=PartitionState.MEASURED).exists()


@transaction.atomic
def fail_partition(
    *, by: Acting, partition: Partition, failure: Failure, cause: str, usage: Usage | None = None
) -> Partition:
    """An attempt gave nothing: try again where that makes sense, else the run ends with the cause."""
    hold(partition.run_id)
    held, now = still_mine(partition), database_now()
    attempt = held.attempt + 1
    charge_partition(held, by=by, outcome=leasing.ended(failure, held), until=now, usage=usage)
    if leasing.final(failure, held):
        return give_up(held, by=by, failure=failure, cause=cause, attempt=attempt)
    if leasing.last_attempt(held):
        told = f"{cause} It failed {attempt} times."
        return give_up(held, by=by, failure=failure, cause=told, attempt=attempt)
    return leasing.again(
        held, by=by, event=EventName.PARTITION_RETRIED, failure=failure, cause=cause, now=now
    )


# Once more ----------------------------------------------------------------------------------------------


@transaction.atomic
def sum_up_again(*, by: Acting, run: Run, lacking: Lacking) -> Run:
    """Summaries are not to be had: those partitions wait again, and the run for them; its attempt failed."""
    failed = fail(by=by, run=run, failure=lacking.failure, cause=str(lacking))
    if failed.state == RunState.QUEUED:
        for row in run.partitions.filter(pk__in=lacking.partitions).select_for_update():
            _again(row, by=by, reason=str(lacking))
        wait(failed)
    return failed


def revive(*, by: Acting, run: Run) -> int:
    """The failed partitions of a run that is requeued wait again, counted anew; how many there were."""
    rows = list(run.partitions.filter(state=PartitionState.FAILED).select_for_update())
    for row in rows:
        _again(row, by=by, reason="The run was requeued.", attempt=0, lost=0, lane=run.lane)
    if rows:
        wait(run)
    return len(rows)


def _again(row: Partition, *, by: Acting, reason: str, **changes: Any) -> None:
    if row.state in (PartitionState.MEASURED, PartitionState.FAILED):
        queue(
            row,
            by=by,
            event=EventName.PARTITION_REQUEUED,
            reason=reason,
            not_before=None,
            **changes,
        )
