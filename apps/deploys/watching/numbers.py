"""The service in numbers, read from its rows: the same whichever process is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from apps.audit.anchoring.standing import standing as log_standing
from apps.audit.models import Event
from apps.costs.models import CostEntry
from apps.costs.queries import budgets, month_of
from apps.costs.queries import standing as budget_standing
from apps.deploys.models import Admission
from apps.gates.models import Run
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
    """A process that worked on runs lately: which lanes, when it was heard of last, how busy it was."""

    name: str
    lanes: tuple[str, ...]
    heard_at: datetime | None
    running: int


def workers(now: datetime | None = None) -> list[Worker]:
    """Who had a run within the last hour, by host and process."""
    at = now or timezone.now()
    rows = Run.objects.exclude(owner="").filter(Q(state=RunState.RUNNING) | Q(started_at__gt=at - HOUR))
    found = rows.values("owner").annotate(
        heard=Max("started_at"),
        ended=Max("finished_at"),
        running=Count("pk", filter=Q(state=RunState.RUNNING)),
    )
    lanes: dict[str, set[str]] = {}
    for owner, lane in rows.values_list("owner", "lane").distinct():
        lanes.setdefault(owner, set()).add(lane)
    return [
        Worker(
            name=row["owner"],
            lanes=tuple(sorted(lanes.get(row["owner"], ()))),
            heard_at=max(filter(None, (row["heard"], row["ended"])), default=None),
            running=row["running"],
        )
        for row in sorted(found, key=lambda row: str(row["owner"]))
    ]


def idle_share(now: datetime | None = None) -> float | None:
    """The part of the last hour that the workers seen in it did not measure; None where none was seen."""
    at = now or timezone.now()
    seen = len(workers(at))
    if not seen:
        return None
    ended = CostEntry.objects.filter(entered_at__gt=at - HOUR).aggregate(sum=Sum("wall_seconds"))["sum"] or 0
    running = Run.objects.filter(state=RunState.RUNNING, started_at__isnull=False)
    busy = float(ended) + sum(
        (at - max(began, at - HOUR)).total_seconds() for began in running.values_list("started_at", flat=True)
        if began is not None
    )  # fmt: skip
    return max(0.0, 1.0 - busy / (seen * HOUR.total_seconds()))


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
    waiting = Run.objects.filter(Q(not_before=None) | Q(not_before__lte=now), state=RunState.QUEUED)
    waits: dict[tuple[str, ...], float] = {}
    for lane, since in waiting.values_list("lane", "requested_at"):
        waits[(lane,)] = max(waits.get((lane,), 0.0), (now - since).total_seconds())
    yield _gauge("queue_wait_seconds", "How long the oldest waiting run waits.", waits, ("lane",))
    idle = idle_share(now)
    if idle is not None:
        told = "The part of the last hour that workers did not measure."
        yield _gauge("worker_idle_share", told, {(): idle}, ())
    yield _gauge("workers_seen", "Workers seen in the last hour.", {(): float(len(workers(now)))}, ())
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
