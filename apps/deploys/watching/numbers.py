"""The service in numbers, read from its rows: the same whichever process is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Max, Q, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from apps.audit.anchoring.standing import standing as log_standing
from apps.audit.models import Event
from apps.costs.models import CostEntry
from apps.costs.queries import budgets, month_of
from apps.costs.queries import standing as budget_standing
from apps.deploys.models import Admission
from apps.gates.models import Partition, Presence, Run
from apps.gates.presence import is_here, workers_known
from apps.gates.states import RunState

HOUR = timedelta(hours=1)
# Events that a monitor counts, by what it calls them.
EVENTS = {
    "run.lost": "lease_losses",
    "run.dead": "runs_dead",
    "run.retried": "runs_retried",
    "budget.refused": "budget_refusals",
    "session.refused": "sign_ins_refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker: which lanes it serves, with how many processes, when it was heard of last, what it has."""

    name: str
    lanes: tuple[str, ...]
    processes: int
    heard_at: datetime | None
    running: int
    here: bool
    # For how long of the last hour it was here.
    present: timedelta


def workers(now: datetime | None = None) -> list[Worker]:
    """Who is here or was within the last day, and who had a run lately without a word of its own."""
    at = now or timezone.now()
    said = workers_known()
    names = {row.name for row in said}
    owners = [o for o in _owners(at) if ":".join(o["owner"].split(":")[:2]) not in names]
    return sorted(
        [_present(row, at) for row in said] + [_silent(row) for row in owners], key=lambda w: w.name
    )


def _present(row: Presence, at: datetime) -> Worker:
    mine = Q(state=RunState.RUNNING, owner__startswith=f"{row.name}:")
    running = Run.objects.filter(mine).count() + Partition.objects.filter(mine).count()
    here = is_here(row, at)
    until = at if here else row.seen_at
    present = max(until - max(row.begun_at, at - HOUR), timedelta(0))
    lanes = tuple(str(lane) for lane in row.lanes)
    return Worker(
        name=row.name,
        lanes=lanes,
        processes=row.processes,
        heard_at=row.seen_at,
        running=running,
        here=here,
        present=present,
    )


def _silent(row: Mapping[str, Any]) -> Worker:
    """Somebody who had a run and says nothing of itself, such as a worker of an earlier version."""
    return Worker(
        name=row["owner"],
        lanes=tuple(sorted(set(row["lanes"]))),
        processes=1,
        heard_at=max(filter(None, (row["heard"], row["ended"])), default=None),
        running=row["running"],
        here=bool(row["running"]),
        present=HOUR,
    )


def _owners(at: datetime) -> Iterator[dict[str, Any]]:
    rows = Run.objects.exclude(owner="").filter(Q(state=RunState.RUNNING) | Q(started_at__gt=at - HOUR))
    found = rows.values("owner").annotate(
        heard=Max("started_at"),
        ended=Max("finished_at"),
        running=Count("pk", filter=Q(state=RunState.RUNNING)),
        lanes=ArrayAgg("lane", distinct=True),
    )
    yield from (dict(row) for row in found)


def idle_share(now: datetime | None = None) -> float | None:
    """The part of the last hour that the workers here in it did not measure; None where none was."""
    at = now or timezone.now()
    there = sum(worker.processes * worker.present.total_seconds() for worker in workers(at))
    if not there:
        return None
    ended = CostEntry.objects.filter(entered_at__gt=at - HOUR).aggregate(sum=Sum("wall_seconds"))["sum"] or 0
    return max(0.0, 1.0 - (float(ended) + _at_work(at)) / there)


def _at_work(at: datetime) -> float:
    """The seconds of the last hour of what is entered nowhere yet: runs and partitions at work."""
    begun = Q(state=RunState.RUNNING, started_at__isnull=False)
    rows = (Run.objects.filter(begun), Partition.objects.filter(begun))
    since = [began for found in rows for began in found.values_list("started_at", flat=True)]
    return sum((at - max(began, at - HOUR)).total_seconds() for began in since if began is not None)


class Collector:
    """Everything of this module as families of measurements."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        yield from _runs(now)
        yield from _answers()
        yield from _log(now)
        yield from _money(now)


def _gauge(name: str, told: str, values: Mapping[Any, float], labels: tuple[str, ...]) -> Metric:
    family = GaugeMetricFamily(f"countersign_{name}", told, labels=labels)
    for named, value in values.items():
        family.add_metric(named, value)
    return family


def _runs(now: datetime) -> Iterator[Metric]:
    counted = Run.objects.values_list("state", "lane").annotate(count=Count("pk"))
    states = {(state, lane): float(count) for state, lane, count in counted}
    yield _gauge("runs", "Runs by state and lane.", states, ("state", "lane"))
    parts = Partition.objects.filter(run__finished_at=None).values_list("state", "lane")
    told = {(state, lane): float(count) for state, lane, count in parts.annotate(count=Count("pk"))}
    yield _gauge("partitions", "Partitions of open runs by state and lane.", told, ("state", "lane"))
    waiting = Run.objects.filter(Q(not_before=None) | Q(not_before__lte=now), state=RunState.QUEUED)
    waits: dict[tuple[str, ...], float] = {}
    for lane, since in waiting.values_list("lane", "requested_at"):
        waits[(lane,)] = max(waits.get((lane,), 0.0), (now - since).total_seconds())
    yield _gauge("queue_wait_seconds", "How long the oldest waiting run waits.", waits, ("lane",))
    idle = idle_share(now)
    if idle is not None:
        sentence = "The part of the last hour that workers did not measure."
        yield _gauge("worker_idle_share", sentence, {(): idle}, ())
    seen = workers(now)
    yield _gauge("workers_seen", "Workers heard of lately.", {(): float(len(seen))}, ())
    here: dict[tuple[str, ...], float] = {}
    for worker in seen:
        for lane in worker.lanes if worker.here else ():
            here[lane,] = here.get((lane,), 0.0) + worker.processes
    yield _gauge("worker_processes", "Processes of the workers that are here, by lane.", here, ("lane",))
    counts = dict(Event.objects.filter(action__in=EVENTS).values_list("action").annotate(count=Count("pk")))
    for action, name in EVENTS.items():
        yield CounterMetricFamily(f"countersign_{name}", f"Events {action}.", value=counts.get(action, 0))


def _answers() -> Iterator[Metric]:
    family = CounterMetricFamily(
        "countersign_admissions", "Answers of the deploy gate.", labels=("environment", "outcome")
    )
    for environment, outcome, count in Admission.objects.values_list("environment", "outcome").annotate(
        count=Count("pk")
    ):
        family.add_metric((environment, outcome), count)
    yield family


def _log(now: datetime) -> Iterator[Metric]:
    found = log_standing(now)
    if found.anchored_at is not None:
        age = (now - found.anchored_at).total_seconds()
        yield _gauge("anchor_age_seconds", "Age of the newest vouching.", {(): age}, ())
    yield _gauge("events_pending", "Events not in the log yet.", {(): float(found.pending)}, ())
    yield _gauge("gate_may_allow", "1 while the deploy gate may allow.", {(): float(found.admits)}, ())


def _money(now: datetime) -> Iterator[Metric]:
    used = {}
    for budget in budgets(month_of(now)):
        found = budget_standing(budget, now)
        used[budget.unit_key, budget.model_key] = float(found.used / found.ceiling)
    yield _gauge("budget_used_share", "Part of this month's budget that is used.", used, ("unit", "model"))
