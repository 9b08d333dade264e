"""Runs as far as costs look at them, and what they used."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from apps.audit.states import system
from apps.costs.commands import enter
from apps.costs.models import CostEntry
from apps.costs.states import Outcome
from tests import factories

WORKER = system("worker")


@dataclass
class Run:
    version: Any
    lane: str = "quick"
    purpose: str = "approval"
    fence: int = 1
    pinned: dict[str, Any] = field(default_factory=dict)
    progress: list[dict[str, Any]] = field(default_factory=list)
    pk: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass
class Usage:
    cpu_seconds: float = 2.0
    wall_seconds: float = 3.0
    gpu_seconds: float = 0.0
    peak_memory_bytes: int = 1 << 20


def entered(run: Run | None = None, usage: Any = None, outcome: Outcome = Outcome.DECIDED) -> CostEntry:
    return enter(by=WORKER, run=run or Run(factories.version()), usage=usage or Usage(), outcome=outcome)


def spent(version: Any, seconds: float, **changes: Any) -> CostEntry:
    """An entry of so many processor seconds, and nothing else."""
    return entered(Run(version, **changes), Usage(seconds, seconds, 0.0, 0))
