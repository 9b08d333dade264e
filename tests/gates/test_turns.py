from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.audit.states import system
from apps.gates import commands, waiting
from apps.gates.clock import database_now
from apps.gates.models import Run
from apps.gates.states import Place, RunState
from apps.inventory.models import ModelVersion
from tests.gates import rows

WORKER = system("worker")


@pytest.fixture
def dora(db: None):
    return rows.person("dora", "developer")


@pytest.fixture
def hana(db: None):
    return rows.person("hana", "head-of-model-risk")


def ask(of: ModelVersion, times: int = 1, *, unit: str = "retail", **changes) -> list[Run]:
    return [rows.run(of.registered_by, of=of, unit_key=unit, **changes) for _ in range(times)]


def take(times: int) -> list[Run]:
    found = [commands.claim_next(by=WORKER, lane="quick", owner=f"host:1:{n}") for n in range(times)]
    return [run for run in found if run is not None]


def test_a_thousand_of_one_unit_do_not_starve_another(dora) -> None:
    flood, other = rows.version(dora), rows.version(dora)
    ask(flood, 40, tier=1)
    ask(other, 3, unit="treasury", tier=4)
    units = [run.unit_key for run in take(6)]
    assert Counter(units) == {"retail": 3, "treasury": 3}


def test_models_of_one_unit_take_turns(dora) -> None:
    flood, other = rows.version(dora), rows.version(dora)
    ask(flood, 20, tier=2)
    ask(other, 2, tier=2)
    assert other.pk in [run.version_id for run in take(2)]


def test_a_model_of_tier_1_has_four_turns_where_one_of_tier_4_has_one(dora) -> None:
    high, low = rows.version(dora), rows.version(dora)
    ask(low, 30, tier=4)
    ask(high, 30, tier=1)
    counted = Counter(run.tier for run in take(20))
    assert counted == {1: 16, 4: 4}


def test_a_model_that_comes_late_catches_nothing_up(dora) -> None:
    early, late = rows.version(dora), rows.version(dora)
    ask(early, 30, tier=2)
    take(10)
    ask(late, 30, tier=2)
    assert Counter(run.version_id for run in take(10)) == {early.pk: 5, late.pk: 5}


def test_within_a_model_the_earliest_due_date_comes_first_then_the_oldest(dora) -> None:
    of, now = rows.version(dora), database_now()
    oldest, later, soon = (
        *ask(of),
        *ask(of, due_at=now + timedelta(days=9)),
        *ask(of, due_at=now + timedelta(days=1)),
    )
    assert [run.pk for run in take(3)] == [soon.pk, later.pk, oldest.pk]


def test_a_run_past_its_due_date_counts_as_tier_1(dora) -> None:
    high, low = rows.version(dora), rows.version(dora)
    ask(high, 20, tier=1)
    ask(low, 20, tier=4, due_at=database_now() - timedelta(hours=1))
    assert Counter(run.version_id for run in take(10)) == {high.pk: 5, low.pk: 5}


def test_the_forecast_is_what_happens(dora) -> None:
    """Units, tiers, due dates and a placed run together: the page shows the order that workers keep."""
    now = database_now()
    first, second, third = rows.version(dora), rows.version(dora), rows.version(dora)
    ask(first, 7, tier=1)
    ask(second, 5, tier=3, due_at=now + timedelta(days=2))
    ask(second, 2, tier=3)
    ask(third, 3, unit="treasury", tier=4)
    ask(third, 1, unit="treasury", tier=4, place=Place.LAST)
    ask(first, 1, tier=1, place=Place.FIRST)
    take(4)
    shown = [run.pk for run in waiting.forecast("quick", database_now())]
    assert [run.pk for run in take(20)] == shown
    assert len(shown) == 15


def test_a_resting_run_lets_others_go_before_it(dora) -> None:
    of = rows.version(dora)
    rests = ask(of, not_before=database_now() + timedelta(hours=1))[0]
    other = ask(of)[0]
    assert [run.pk for run in waiting.forecast("quick", database_now())] == [other.pk, rests.pk]
    assert [run.pk for run in take(2)] == [other.pk]


def test_a_person_places_a_run_first_with_a_reason(dora, hana) -> None:
    of = rows.version(dora)
    ask(of, 3)
    urgent = ask(of)[0]
    commands.place_run(by=hana, run=urgent, place="first", reason="The committee meets at noon.")
    assert take(1)[0].pk == urgent.pk
    event = Event.objects.get(action="run.placed")
    assert (event.doc["before"], event.doc["after"]) == ({"place": "in turn"}, {"place": "first"})
    assert event.doc["reason"] == "The committee meets at noon."


def test_placing_is_a_right_of_its_own_and_needs_a_reason(dora, hana) -> None:
    run = ask(rows.version(dora))[0]
    with pytest.raises(Forbidden):
        commands.place_run(by=dora, run=run, place="first", reason="Mine first.")
    with pytest.raises(Invalid, match="Please say the reason"):
        commands.place_run(by=hana, run=run, place="first", reason=" ")
    with pytest.raises(Invalid, match='"top" is no place; expected one of first, in turn, last'):
        commands.place_run(by=hana, run=run, place="top", reason="x")
    take(1)
    with pytest.raises(Refused, match="only a run that waits has a place"):
        commands.place_run(by=hana, run=run, place="last", reason="x")


def test_a_due_time_in_the_past_is_refused(dora) -> None:
    of = rows.version(dora)
    with pytest.raises(Invalid, match="is past; expected a later one"):
        commands.request_run(
            by=dora, version=of, use=rows.use(of.model), due=database_now() - timedelta(hours=1)
        )


def test_a_request_keeps_unit_tier_and_due_date(dora) -> None:
    of, due = rows.version(dora), database_now() + timedelta(days=3)
    run = commands.request_run(by=dora, version=of, use=rows.use(of.model), due=due)
    assert (run.unit_key, run.tier, run.due_at) == ("retail", None, due)


def test_runs_of_a_worker_that_is_shut_down_wait_again_at_once(dora, broker) -> None:
    ask(rows.version(dora), 2)
    mine = take(1)[0]
    other = commands.claim_next(by=WORKER, lane="quick", owner="host:12:7")
    assert commands.give_back(by=WORKER, owner="host:1") == 1
    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.state, mine.lost, mine.attempt, mine.not_before) == (RunState.QUEUED, 0, 0, None)
    assert other.state == RunState.RUNNING
    event = Event.objects.get(action="run.returned")
    assert event.doc["reason"] == "The worker host:1 is shut down."
    assert not commands.beat(run_id=mine.pk, fence=mine.fence)
