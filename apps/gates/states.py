from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DECIDED = "decided"
    ERRORED = "errored"
    DEAD = "dead"
    CANCELLED = "cancelled"


# running → queued: the lease ran out, or its worker is shut down; dead: too many failures or losses,
# until a person requeues it.
RUN_MOVES: Mapping[str, frozenset[str]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED, RunState.DEAD}),
    RunState.RUNNING: frozenset(
        {RunState.DECIDED, RunState.ERRORED, RunState.QUEUED, RunState.DEAD, RunState.CANCELLED}
    ),
    RunState.DEAD: frozenset({RunState.QUEUED}),
    RunState.DECIDED: frozenset(),
    RunState.ERRORED: frozenset(),
    RunState.CANCELLED: frozenset(),
}


# Nothing more happens to a run in one of these, unless a person requeues a dead one.
ENDED = (RunState.DECIDED, RunState.ERRORED, RunState.DEAD, RunState.CANCELLED)


class PartitionState(StrEnum):
    """Where a part of a run's data stands."""

    QUEUED = "queued"
    RUNNING = "running"
    MEASURED = "measured"
    FAILED = "failed"


# measured → queued: what was found is gone or was changed; failed → queued: a person requeued the run.
PARTITION_MOVES: Mapping[str, frozenset[str]] = {
    PartitionState.QUEUED: frozenset({PartitionState.RUNNING, PartitionState.FAILED}),
    PartitionState.RUNNING: frozenset(
        {PartitionState.MEASURED, PartitionState.FAILED, PartitionState.QUEUED}
    ),
    PartitionState.MEASURED: frozenset({PartitionState.QUEUED}),
    PartitionState.FAILED: frozenset({PartitionState.QUEUED}),
}


class WaitsFor(StrEnum):
    """What a queued run waits for besides its turn."""

    PARTITIONS = "partitions"
    CONSENT = "consent"


# How the owner of a partition begins that somebody sums up on machines of their own.
ELSEWHERE = "outside:"


class Failure(StrEnum):
    """Why a measuring attempt gave nothing; decides whether another attempt makes sense."""

    INPUT = "input"
    RESOURCE = "resource"
    CRASH = "crash"
    UNAVAILABLE = "unavailable"


class Purpose(StrEnum):
    """Why a run was asked for."""

    APPROVAL = "approval"
    MONITORING = "monitoring"
    DRY_RUN = "dry-run"


class Lane(StrEnum):
    """The queue a run waits in."""

    QUICK = "quick"
    HEAVY = "heavy"
    GPU = "gpu"
    QUARANTINE = "quarantine"


class Place(IntEnum):
    """Where a person put a run among those that wait in its lane."""

    FIRST = -1
    IN_TURN = 0
    LAST = 1

    @property
    def word(self) -> str:
        return self.name.lower().replace("_", " ")
