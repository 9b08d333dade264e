from __future__ import annotations

from enum import StrEnum


class Hardware(StrEnum):
    """What rates are kept for: a second of a processor, of one on a large machine, a GPU, a held GiB."""

    CPU = "cpu"
    MEMORY = "memory"
    GPU = "gpu"
    GIB = "gib"


# What a second costs until a rate is set, in the currency of the installation.
FIRST_RATES = {
    Hardware.CPU: "0.0000140000",
    Hardware.MEMORY: "0.0000400000",
    Hardware.GPU: "0.0009000000",
    Hardware.GIB: "0.0000015000",
}


class Outcome(StrEnum):
    """How the attempt ended that an entry is about; a partition is measured, a run decided."""

    DECIDED = "decided"
    MEASURED = "measured"
    ERRORED = "errored"
    RETRIED = "retried"
    RETURNED = "returned"
    LOST = "lost"
    DEAD = "dead"
    CANCELLED = "cancelled"


class Source(StrEnum):
    """Where a charge comes from: a run of ours, or somebody's bill."""

    RUNS = "runs"
    FOCUS = "focus"
    OPENCOST = "opencost"


# The shares of a budget, in per cent, at which it is told; the last one stops the next run.
LEVELS = (50, 80, 100)

# How the sentence begins by which a run says that it waits for money.
WAITS = "Waits: "
