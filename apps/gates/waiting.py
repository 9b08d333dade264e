"""Who comes next in a lane.

Business units take turns. Within a unit its models take turns, a model of tier 1 four times as often as
one of tier 4; a run that is past its due date counts as tier 1. Within a model the earliest due date comes
first, then the oldest request. A person may place a run before or behind all of these, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Max, Q

from apps.gates import pacing
from apps.gates.models import Run, Turn
from apps.gates.states import Lane, RunState

LOWEST_TIER = 4
MOST = 500
_NEVER = datetime.max.replace(tzinfo=UTC)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

_NEXT = """
SELECT run.id FROM gates_run run
JOIN inventory_modelversion version ON version.id = run.version_id
LEFT JOIN gates_turn unit
  ON unit.lane = run.lane AND unit.unit_key = run.unit_key AND unit.model_id IS NULL
LEFT JOIN gates_turn mine
  ON mine.lane = run.lane AND mine.unit_key = run.unit_key AND mine.model_id = version.model_id
WHERE run.state = 'queued' AND run.lane = %s
  AND (run.not_before IS NULL OR run.not_before <= clock_timestamp())
ORDER BY run.place, unit.taken_at NULLS FIRST,
  greatest(coalesce(mine.spent, 0), coalesce(unit.spent, 0)),
  CASE WHEN run.due_at <= clock_timestamp() THEN 1 ELSE coalesce(run.tier, %s) END,
  run.due_at NULLS LAST, run.requested_at, run.id
LIMIT %s
"""


def next_in(lane: str, most: int) -> list[UUID]:
    """The runs that may begin now and whose turn comes first."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [lane, LOWEST_TIER, most])
        return [row[0] for row in cursor.fetchall()]


def weight(run: Run, now: datetime) -> int:
    """What a turn of this run costs its model: the higher the tier, the less."""
    overdue = run.due_at is not None and run.due_at <= now
    return 1 if overdue else min(run.tier or LOWEST_TIER, LOWEST_TIER)


def stalled(now: datetime) -> list[str]:
    """Lanes in which runs wait and none is at work, nobody was told lately, and workers were there."""
    return [lane for lane in Lane if _stalled(lane, now)]


def _stalled(lane: str, now: datetime) -> bool:
    rows = Run.objects.filter(lane=lane)
    may_begin = Q(not_before__isnull=True) | Q(not_before__lte=now)
    waits = rows.filter(may_begin, state=RunState.QUEUED)
    newest = waits.aggregate(told=Max("published_at"))["told"]
    if newest is None or newest > now - pacing.FIRST_HINT or rows.filter(state=RunState.RUNNING).exists():
        return False
    return Turn.objects.filter(lane=lane, taken_at__gt=now - pacing.WORKER_SEEN).exists()


@dataclass(frozen=True, slots=True)
class _Standing:
    """How far a unit or a model is with its turns."""

    taken_at: datetime = _LONG_AGO
    spent: float = 0.0


def forecast(lane: str, now: datetime) -> list[Run]:
    """Those that wait in a lane in the order in which they will begin, as far as it is known now.

    Runs that rest stand last: others go before them meanwhile.
    """
    rows = Run.objects.filter(state=RunState.QUEUED, lane=lane).select_related(
        "version__model__unit", "use", "requested_by"
    )
    waiting = list(rows.order_by("place", "due_at", "requested_at")[:MOST])
    ready = [run for run in waiting if run.not_before is None or run.not_before <= now]
    resting = [run for run in waiting if run.not_before is not None and run.not_before > now]
    return [*_in_turn(lane, ready, now), *sorted(resting, key=lambda run: str(run.not_before))]


def _in_turn(lane: str, runs: Sequence[Run], now: datetime) -> list[Run]:
    """Play the turns to their end without taking any."""
    turns = {
        (turn.unit_key, turn.model_id): _Standing(turn.taken_at, turn.spent)
        for turn in Turn.objects.filter(lane=lane)
    }
    left, order, clock = _heads(runs, now), list[Run](), now
    while left:
        chosen = min(left, key=lambda key: _rank(left[key][0], turns, now))
        run = left[chosen].pop(0)
        if not left[chosen]:
            del left[chosen]
        clock += timedelta(seconds=1)
        _take(turns, run, now, clock)
        order.append(run)
    return order


def _heads(runs: Sequence[Run], now: datetime) -> dict[tuple[str, int], list[Run]]:
    found: dict[tuple[str, int], list[Run]] = {}
    for run in sorted(runs, key=lambda run: _within(run, now)):
        found.setdefault((run.unit_key, run.version.model_id), []).append(run)
    return found


def _within(run: Run, now: datetime) -> tuple[int, int, datetime, datetime, str]:
    return (run.place, weight(run, now), run.due_at or _NEVER, run.requested_at, str(run.pk))


Turns = dict[tuple[str, int | None], _Standing]


def _rank(run: Run, turns: Turns, now: datetime) -> tuple[object, ...]:
    unit = turns.get((run.unit_key, None), _Standing())
    mine = turns.get((run.unit_key, run.version.model_id), _Standing())
    return (run.place, unit.taken_at, max(mine.spent, unit.spent), *_within(run, now)[1:])


def _take(turns: Turns, run: Run, now: datetime, clock: datetime) -> None:
    unit, mine = (run.unit_key, None), (run.unit_key, run.version.model_id)
    start = max(turns.get(mine, _Standing()).spent, turns.get(unit, _Standing()).spent)
    turns[unit] = replace(turns.get(unit, _Standing()), taken_at=clock, spent=start)
    turns[mine] = _Standing(clock, start + weight(run, now))
