"""What each attempt at a run used, priced at the rates of that moment and shared out over its gates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.costs.amounts import seconds, shared
from apps.costs.models import CostEntry, CostLine
from apps.costs.queries import currency, price, rate_card, used_by
from apps.costs.states import Hardware, Outcome
from apps.inventory.models import ModelVersion

_GIB = Decimal(1 << 30)


class Priced(Protocol):
    """A run, as far as its cost goes."""

    @property
    def pk(self) -> Any: ...
    @property
    def version(self) -> ModelVersion: ...
    @property
    def purpose(self) -> str: ...
    @property
    def lane(self) -> str: ...
    @property
    def fence(self) -> int: ...
    @property
    def pinned(self) -> Mapping[str, Any]: ...
    @property
    def progress(self) -> Sequence[Mapping[str, Any]]: ...


class Share(Protocol):
    """A partition of a run, as far as its cost goes."""

    @property
    def pk(self) -> Any: ...
    @property
    def lane(self) -> str: ...
    @property
    def fence(self) -> int: ...


class Usage(Protocol):
    """What a run used, measured by the operating system."""

    @property
    def cpu_seconds(self) -> float: ...
    @property
    def wall_seconds(self) -> float: ...
    @property
    def gpu_seconds(self) -> float: ...
    @property
    def peak_memory_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Held:
    """The usage of an attempt whose worker could not say: one processor for the time that it held the run."""

    wall_seconds: float = 0.0
    gpu_seconds: float = 0.0
    peak_memory_bytes: int = 0

    @property
    def cpu_seconds(self) -> float:
        return self.wall_seconds


@transaction.atomic
def enter(
    *, by: Acting, run: Priced, usage: Usage, outcome: Outcome = Outcome.DECIDED, share: Share | None = None
) -> CostEntry:
    """Write down what an attempt at a run used and what that costs at the rates of now; once for each.

    Where a share is given it is an attempt at that partition of the run.
    """
    entry = _used(run, share, usage, outcome)
    card = rate_card(timezone.now())
    classes = used_by(entry)
    entry.amount = price(card, classes)
    entry.rates = {str(name): card[name].as_json() for name, used in classes.items() if used}
    entry.save(force_insert=True)
    CostLine.objects.bulk_create(_lines(entry, () if share else run.progress))
    audit.record(by=by, action=EventName.COST_ENTERED, subject=entry, after=_told(entry))
    return entry


def _used(run: Priced, share: Share | None, usage: Usage, outcome: Outcome) -> CostEntry:
    model, wall = run.version.model, seconds(usage.wall_seconds, "wall_seconds")
    tried = share or run
    return CostEntry(
        run=UUID(str(run.pk)),
        partition=UUID(str(share.pk)) if share else None,
        fence=tried.fence,
        outcome=outcome,
        measured=not isinstance(usage, Held),
        model_key=model.key,
        version=run.version.label,
        unit_key=model.unit.key,
        tier=str(run.pinned.get("fields", {}).get("model.tier") or ""),
        purpose=run.purpose,
        hardware=_hardware_of(tried.lane),
        cpu_seconds=seconds(usage.cpu_seconds, "cpu_seconds"),
        wall_seconds=wall,
        gpu_seconds=seconds(usage.gpu_seconds, "gpu_seconds"),
        peak_memory_bytes=int(usage.peak_memory_bytes),
        gib_seconds=(wall * int(usage.peak_memory_bytes) / _GIB).quantize(Decimal("0.000001")),
        currency=currency(),
    )


def _told(entry: CostEntry) -> dict[str, Any]:
    return {
        "run": entry.run,
        "partition": entry.partition,
        "attempt": entry.fence,
        "outcome": entry.outcome,
        "amount": entry.amount,
        "currency": entry.currency,
        "cpu_seconds": entry.cpu_seconds,
        "gpu_seconds": entry.gpu_seconds,
        "rates": entry.rates,
    }


def _hardware_of(lane: str) -> Hardware:
    """The hardware class of a run's lane."""
    return {"gpu": Hardware.GPU, "heavy": Hardware.MEMORY}.get(str(lane), Hardware.CPU)


def _lines(entry: CostEntry, progress: Iterable[Mapping[str, Any]]) -> list[CostLine]:
    """The entry's parts: by the time of each gate, a gate's part in equal shares for its policies."""
    parts = [
        (str(row["gate"]), policy, seconds(row["seconds"], "seconds") / len(policies))
        for row in progress
        if row.get("seconds")
        for policies in [row.get("policies") or [""]]
        for policy in policies
    ]
    rest = max(entry.wall_seconds - sum((weight for *_, weight in parts), Decimal(0)), Decimal(0))
    if rest or not parts:
        parts.append(("", "", rest or Decimal(1)))
    amounts = shared(entry.amount, [weight for *_, weight in parts])
    times = shared(entry.wall_seconds, [weight for *_, weight in parts])
    return [
        CostLine(entry=entry, gate=gate, policy=policy, wall_seconds=time, amount=amount)
        for (gate, policy, _), time, amount in zip(parts, times, amounts, strict=True)
    ]
