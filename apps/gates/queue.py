"""The queue as people and monitors see it: what waits, what is at work, where, since when, why not yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, F, Max, Min, Q, QuerySet
from django.db.models.functions import TruncHour

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.gates import pacing, waiting
from apps.gates.clock import database_now
from apps.gates.models import Run, Turn
from apps.gates.presence import lanes_served
from apps.gates.queries import visible_runs
from apps.gates.states import Lane, PartitionState, Place, RunState, WaitsFor

COUNTED = (RunState.QUEUED, RunState.RUNNING, RunState.DEAD)
SHOWN = 100
_FOR: dict[str, str] = {
    WaitsFor.CONSENT: "Waits for a person to approve {hardware}.",
    WaitsFor.PARTITIONS: "{done} of {all} partitions are measured, {busy} at work.",
}
HOURS = 24


@dataclass(frozen=True, slots=True)
class LaneDepth:
    """One lane in numbers."""

    lane: str
    queued: int
    running: int
    dead: int
    oldest_wait_seconds: float
    # When a worker last began a run of this lane; None where none ever did.
    last_begun: datetime | None

    def as_json(self) -> dict[str, Any]:
        return {
            "lane": self.lane,
            "queued": self.queued,
            "running": self.running,
            "dead": self.dead,
            "oldest_wait_seconds": round(self.oldest_wait_seconds, 3),
            "last_begun": self.last_begun,
        }


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits: how many go before it, and why it has not begun."""

    run: Run
    ahead: int
    why: str

    @property
    def placed(self) -> str:
        """Where a person put it; in turn where nobody did."""
        return Place(self.run.place).word


@dataclass(frozen=True, slots=True)
class LaneView:
    """A lane with those of its runs that somebody may see."""

    depth: LaneDepth
    waiting: Sequence[Waiting]
    # Each with the host on which it is at work.
    running: Sequence[tuple[Run, str]]
    # The last day by hours; empty where nothing was begun in it.
    waited: Sequence[Waited] = ()


def depths(now: datetime | None = None) -> list[LaneDepth]:
    """Every lane in numbers, for pages and for monitoring."""
    at = now or database_now()
    rows = Run.objects.filter(state__in=COUNTED).values("lane", "state")
    counted = {(r["lane"], r["state"]): r for r in rows.annotate(n=Count("pk"), since=Min("requested_at"))}
    begun = dict(Turn.objects.values_list("lane").annotate(Max("taken_at")))
    return [_depth(lane, counted, begun.get(lane), at) for lane in Lane]


def _depth(
    lane: Lane, counted: Mapping[tuple[str, str], Any], begun: datetime | None, now: datetime
) -> LaneDepth:
    numbers = {state: counted.get((lane, state), {}).get("n", 0) for state in COUNTED}
    since = counted.get((lane, RunState.QUEUED), {}).get("since")
    oldest = max((now - since).total_seconds(), 0.0) if since else 0.0
    return LaneDepth(
        lane, numbers[RunState.QUEUED], numbers[RunState.RUNNING], numbers[RunState.DEAD], oldest, begun
    )


@dataclass(frozen=True, slots=True)
class Waited:
    """How long the runs of a lane waited that were begun in one hour, from the request on."""

    hour: datetime
    runs: int
    mean_seconds: float
    longest_seconds: float


def waited(now: datetime) -> dict[str, list[Waited]]:
    """Of each lane that began something the last day by hours, with those in which it did not."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    wait = F("started_at") - F("requested_at")
    rows = Run.objects.filter(started_at__gte=hours[0], started_at__lte=now)
    sums = rows.annotate(hour=TruncHour("started_at")).values("lane", "hour").order_by()
    found = {(r["lane"], r["hour"]): r for r in sums.annotate(n=Count("pk"), mean=Avg(wait), most=Max(wait))}
    return {
        lane: [_waited(hour, found.get((lane, hour))) for hour in hours]
        for lane in sorted({lane for lane, _ in found})
    }


def _waited(hour: datetime, row: Mapping[str, Any] | None) -> Waited:
    if row is None:
        return Waited(hour, 0, 0.0, 0.0)
    mean, most = (max(row[name].total_seconds(), 0.0) for name in ("mean", "most"))
    return Waited(hour, row["n"], mean, most)


def lanes(by: Person) -> list[LaneView]:
    """The lanes as this person sees them; a lane that was never used is left out."""
    now = database_now()
    mine = set(visible_models(by).values_list("pk", flat=True))
    used = [d for d in depths(now) if d.queued or d.running or d.dead or d.last_begun]
    day = waited(now)
    return [LaneView(d, _waiting(d, mine, now), _running(by, d.lane), day.get(d.lane, ())) for d in used]


def _waiting(depth: LaneDepth, mine: set[int], now: datetime) -> list[Waiting]:
    order = waiting.forecast(depth.lane, now) if depth.queued else []
    shown = [
        Waiting(run, ahead, _why(run, ahead, depth, now))
        for ahead, run in enumerate(order)
        if run.version.model_id in mine
    ]
    return shown[:SHOWN]


def why_waits(run: Run) -> Waiting:
    """The same for one run."""
    now = database_now()
    depth = next(d for d in depths(now) if d.lane == run.lane)
    order = [found.pk for found in waiting.forecast(run.lane, now)]
    ahead = order.index(run.pk) if run.pk in order else len(order)
    return Waiting(run, ahead, _why(run, ahead, depth, now))


def _why(run: Run, ahead: int, depth: LaneDepth, now: datetime) -> str:
    if run.waits_for in _FOR:
        return _FOR[run.waits_for].format(hardware=run.hardware, **_partitions(run))
    if run.not_before is not None and run.not_before > now:
        return f"Rests until {run.not_before:%H:%M:%S} UTC. {_after(run)}"
    placed = "" if run.place == Place.IN_TURN else f" Placed {Place(run.place).word} by a person."
    if (
        run.lane not in lanes_served(now)
        and not depth.running
        and (depth.last_begun is None or depth.last_begun < now - pacing.WORKER_SEEN)
    ):
        return f"No worker of the lane {run.lane} has begun anything {_since(depth.last_begun)}.{placed}"
    if not ahead:
        return f"Is next, as soon as a worker is free.{placed}"
    return f"{ahead} {'goes' if ahead == 1 else 'go'} before it.{placed}"


def _partitions(run: Run) -> dict[str, int]:
    if run.waits_for != WaitsFor.PARTITIONS:
        return {}
    done, busy = Q(state=PartitionState.MEASURED), Q(state=PartitionState.RUNNING)
    rows = run.partitions.all()
    return rows.aggregate(all=Count("pk"), done=Count("pk", filter=done), busy=Count("pk", filter=busy))


def _after(run: Run) -> str:
    if run.cause:
        return f"The last attempt failed: {run.cause}"
    return f"Its worker was lost {run.lost} time{'s' if run.lost != 1 else ''}."


def _since(begun: datetime | None) -> str:
    return f"since {begun:%Y-%m-%d %H:%M} UTC" if begun else "yet"


def _running(by: Person, lane: str) -> list[tuple[Run, str]]:
    rows = visible_runs(by).filter(state=RunState.RUNNING, lane=lane)
    return [(run, run.owner.partition(":")[0]) for run in rows.order_by("started_at")[:SHOWN]]


def dead_runs(by: Person) -> QuerySet[Run]:
    """Runs that were given up, until somebody requeues them or asks anew; newest first."""
    return visible_runs(by).filter(state=RunState.DEAD).order_by("-finished_at")
