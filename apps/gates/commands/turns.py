"""The turns that units and models take in a lane, and the runs that persons place out of turn."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.gates import guards
from apps.gates.models import Run
from apps.gates.states import Place
from apps.gates.waiting import weight

_TAKE = """
WITH mine AS (
  SELECT coalesce(max(spent), 0) AS spent FROM gates_turn
  WHERE lane = %(lane)s AND unit_key = %(unit)s AND model_id = %(model)s
), unit AS (
  INSERT INTO gates_turn (lane, unit_key, model_id, taken_at, spent)
  SELECT %(lane)s, %(unit)s, NULL, %(now)s, mine.spent FROM mine
  ON CONFLICT (lane, unit_key, model_id) DO UPDATE
    SET taken_at = excluded.taken_at, spent = greatest(gates_turn.spent, excluded.spent)
  RETURNING spent
)
INSERT INTO gates_turn (lane, unit_key, model_id, taken_at, spent)
SELECT %(lane)s, %(unit)s, %(model)s, %(now)s, unit.spent + %(weight)s FROM unit
ON CONFLICT (lane, unit_key, model_id) DO UPDATE
  SET taken_at = excluded.taken_at, spent = excluded.spent
"""


def note_turn(run: Run, now: datetime) -> None:
    """Its unit and its model had a turn in the run's lane."""
    given: dict[str, Any] = {
        "lane": run.lane,
        "unit": run.unit_key,
        "model": run.version.model_id,
        "now": now,
        "weight": weight(run, now),
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, given)


@transaction.atomic
def place_run(*, by: Person, run: Run, place: str, reason: str) -> Run:
    """Put a waiting run before or behind all others of its lane, or back in turn."""
    require(by, Permission.RUN_REORDER, run.version.model)
    wanted, why = guards.place_of(place), guards.said(reason, "reason")
    held = Run.objects.select_for_update(of=("self",)).get(pk=run.pk)
    guards.waits(held)
    before = Place(held.place)
    held.place = wanted
    held.save(update_fields=["place"])
    audit.record(
        by=by,
        action=EventName.RUN_PLACED,
        subject=held,
        before={"place": before.word},
        after={"place": wanted.word},
        reason=why,
    )
    return held
