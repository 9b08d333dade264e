"""Who works on a partition: claim, keep, lose, give back, give up; and the messages that it waits.

A partition is leased as a run is, see `leasing`. Losing a worker costs that partition alone. Where both rows
are locked the run's comes first.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.costs.states import Outcome
from apps.gates import hints, pacing
from apps.gates.clock import Clock, database_now
from apps.gates.commands import leasing
from apps.gates.commands.leases import hold
from apps.gates.commands.leasing import Fenced
from apps.gates.commands.spending import affordable, charge_partition, last_beat
from apps.gates.dividing import NEVER
from apps.gates.models import Partition, Run
from apps.gates.states import Failure, PartitionState, RunState, WaitsFor

BATCH = 200


def wait(run: Run) -> None:
    """Let the run wait for its partitions, beside whatever it waits for already."""
    run.waits_for, run.not_before = run.waits_for or WaitsFor.PARTITIONS, NEVER
    run.save(update_fields=["waits_for", "not_before"])


def release(*, by: Acting, run: Run) -> None:
    """Let a run that waited begin when its turn comes; its row is locked."""
    run.waits_for, run.not_before, run.published_at, run.hints = "", None, database_now(), 1
    run.save(update_fields=["waits_for", "not_before", "published_at", "hints"])
    hints.send_after_commit(run.pk, run.lane)


@transaction.atomic
def claim_partition(*, by: Acting, partition_id: UUID, owner: str) -> Partition | None:
    """Take a partition that waits, or whose lease ran out; None where there is nothing to take."""
    run_id = Partition.objects.filter(pk=partition_id).values_list("run_id", flat=True).first()
    if run_id is None or hold(run_id) is None:
        return None
    row, now = hold_partition(partition_id), database_now()
    if row is None:
        return None
    if leasing.expired(row, now):
        row = _lose(by=by, row=row, now=now)
    if not leasing.may_begin(row, now) or not _wanted(row) or not affordable(row, by=by, now=now):
        return None
    return leasing.begin(row, by=by, event=EventName.PARTITION_CLAIMED, owner=owner, now=now)


def hold_partition(partition_id: UUID) -> Partition | None:
    """The partition's row, locked until the transaction ends."""
    rows = Partition.objects.select_for_update(of=("self",)).select_related("run__version__model__unit")
    return rows.filter(pk=partition_id).first()


def _wanted(row: Partition) -> bool:
    """Whether the run still waits for it."""
    return row.run.state == RunState.QUEUED and row.run.waits_for == WaitsFor.PARTITIONS


def beat_partition(*, partition_id: UUID, fence: int) -> bool:
    """Keep the lease; False where the partition is no longer this worker's, or its run has ended."""
    kept = mine(partition_id, fence).filter(run__state=RunState.QUEUED).values("pk")
    return leasing.keep(Partition.objects.filter(pk__in=kept))


def mine(partition_id: UUID, fence: int) -> QuerySet[Partition]:
    """The partition, while it is at work under this fence."""
    return Partition.objects.filter(pk=partition_id, fence=fence, state=PartitionState.RUNNING)


def _lose(*, by: Acting, row: Partition, now: datetime) -> Partition:
    """The worker of a partition is gone: it waits again, or has failed after too many losses."""
    ended = Outcome.CANCELLED if row.run.state == RunState.CANCELLED else leasing.given_up(row)
    charge_partition(row, by=by, outcome=ended, until=last_beat(row, now))

    def give_up_lost(cause: str, times: int) -> Partition:
        told = cause.replace("Its worker", f"The worker of {row}", 1)
        return give_up(row, by=by, failure=Failure.CRASH, cause=told, lost=times)

    return leasing.lost(row, by=by, event=EventName.PARTITION_LOST, now=now, give_up=give_up_lost)


def queue(row: Partition, *, by: Acting, event: EventName, reason: str = "", **changes: Any) -> Partition:
    """Let it wait again; its message goes out at once where it need not rest."""
    moved = leasing.queue(row, by=by, event=event, reason=reason, **changes)
    if not moved.not_before:
        transaction.on_commit(partial(hints.send_partition, moved.pk, moved.lane))
    return moved


def give_up(row: Partition, *, by: Acting, failure: Failure, cause: str, **counted: int) -> Partition:
    """No other attempt would do better: the run goes on to its end, which says why."""
    moved = audit.move(
        row,
        PartitionState.FAILED,
        by=by,
        event=EventName.PARTITION_FAILED,
        reason=cause,
        where={"fence": row.fence},
        lease_until=None,
        finished_at=database_now(),
        failure=str(failure),
        cause=cause,
        **counted,
    )
    run = hold(row.run_id)
    if run is not None and run.state == RunState.QUEUED and run.waits_for == WaitsFor.PARTITIONS:
        release(by=by, run=run)
    return moved


def still_mine(partition: Partition) -> Partition:
    """The row, locked; Fenced where somebody else took it, or its run has ended."""
    held = leasing.held_by(hold_partition(partition.pk), partition)
    if held.run.state != RunState.QUEUED:
        raise Fenced(f"{held.run} is {held.run.state}; {partition} is not wanted any more")
    return held


# The relay's part ---------------------------------------------------------------------------------------


def take_back_partitions(*, by: Acting) -> int:
    """Partitions whose lease ran out wait again, or have failed; how many there were."""
    late = Partition.objects.filter(state=PartitionState.RUNNING, lease_until__lt=Clock())
    return sum(_take_back(by, pk) for pk in late.values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _take_back(by: Acting, partition_id: UUID) -> bool:
    row = Partition.objects.get(pk=partition_id)
    hold(row.run_id)
    held, now = hold_partition(partition_id), database_now()
    if held is None or not leasing.expired(held, now):
        return False
    _lose(by=by, row=held, now=now)
    return True


def give_back_partitions(*, by: Acting, owner: str) -> int:
    """The partitions of a worker that is shut down wait again at once; it counts as no loss."""
    held = leasing.of_worker(Partition.objects.all(), owner)
    return sum(_give_back(by, owner, pk) for pk in held.values_list("pk", flat=True))


@transaction.atomic
def _give_back(by: Acting, owner: str, partition_id: UUID) -> bool:
    row = hold_partition(partition_id)
    if row is None or not leasing.is_of(row, owner):
        return False
    charge_partition(row, by=by, outcome=Outcome.RETURNED, until=database_now())
    queue(row, by=by, event=EventName.PARTITION_RETURNED, reason=leasing.leaving(owner), not_before=None)
    return True


def send_partition_hints(*, by: Acting) -> int:
    """Send a message for each waiting partition whose last one is old enough; how many were sent."""
    now, sent = database_now(), 0
    rows = Partition.objects.filter(
        state=PartitionState.QUEUED, run__state=RunState.QUEUED, run__waits_for=WaitsFor.PARTITIONS
    )
    for row in rows.order_by("run__requested_at", "number")[:BATCH]:
        rests = row.not_before is not None and row.not_before > now
        told = row.published_at is not None and row.published_at > now - pacing.between_hints(row.hints)
        if rests or told:
            continue
        if not hints.send_partition(row.pk, row.lane):
            break  # the broker is away: the next turn tries again
        same = Partition.objects.filter(pk=row.pk, state=PartitionState.QUEUED)
        sent += same.update(published_at=now, hints=row.hints + 1)
    return sent
