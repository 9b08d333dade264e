from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.models import Event
from apps.audit.states import system
from apps.gates import commands, pacing, queries
from apps.gates.clock import Clock, database_now
from apps.gates.models import Run, Schedule
from apps.gates.states import Lane, RunState
from apps.inventory.models import Use
from governance.management.commands.relay import LOCK, Relay
from tests.database import FreshDatabase
from tests.gates import rows
from tests.gates.broker import Broker

RELAY = system("relay")
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dora(db: None):
    return rows.person("dora", "developer")


def age(run: Run, seconds: float) -> None:
    Run.objects.filter(pk=run.pk).update(published_at=Clock() - timedelta(seconds=seconds))


def test_a_run_whose_message_was_lost_gets_another(dora, broker: Broker) -> None:
    run = rows.run(dora)
    assert commands.send_hints(by=RELAY) == 0
    age(run, 6)
    assert commands.send_hints(by=RELAY) == 1
    assert broker.sent == [(str(run.pk), Lane.QUICK)]
    assert commands.send_hints(by=RELAY) == 0


def test_each_message_waits_longer_than_the_one_before(dora, broker: Broker) -> None:
    run = rows.run(dora)
    for waits in (5, 10, 20, 40, 80, 160, 300, 300):
        age(run, waits - 1)
        assert commands.send_hints(by=RELAY) == 0
        age(run, waits + 1)
        assert commands.send_hints(by=RELAY) == 1
    assert len(broker.sent) == 8


def test_a_broker_that_is_away_is_asked_again_at_the_next_turn(dora, broker: Broker, caplog) -> None:
    run, broker.away = rows.run(dora), True
    age(run, 6)
    assert commands.send_hints(by=RELAY) == 0
    assert "waits for the relay" in caplog.text
    broker.away = False
    assert commands.send_hints(by=RELAY) == 1


def test_a_resting_run_gets_no_message(dora, broker: Broker) -> None:
    run = rows.run(dora)
    Run.objects.filter(pk=run.pk).update(published_at=None, not_before=Clock() + timedelta(seconds=60))
    assert commands.send_hints(by=RELAY) == 0
    Run.objects.filter(pk=run.pk).update(not_before=Clock())
    assert commands.send_hints(by=RELAY) == 1


def test_a_lost_run_is_taken_back_and_sent_again(dora, broker: Broker) -> None:
    run = rows.run(dora)
    commands.claim(by=system("worker"), run_id=run.pk, owner="gone")
    Run.objects.filter(pk=run.pk).update(lease_until=Clock() - timedelta(seconds=1))
    call_command("relay", "--once")
    run.refresh_from_db()
    assert (run.state, run.lost, run.hints) == (RunState.QUEUED, 1, 1)
    assert broker.sent == [(str(run.pk), Lane.QUICK)]
    assert Event.objects.filter(action="run.lost", actor_id="relay").count() == 1


def test_a_run_that_works_is_left_alone(dora) -> None:
    run = rows.run(dora)
    commands.claim(by=system("worker"), run_id=run.pk, owner="busy")
    assert commands.take_back(by=RELAY) == 0


@pytest.mark.slow
def test_of_two_relays_one_works(fresh_database: FreshDatabase, broker: Broker) -> None:
    age(rows.run(rows.person("dora")), 6)
    code = (
        "import django; django.setup()\n"
        "from django.db import connection\n"
        f"connection.cursor().execute('SELECT pg_advisory_lock({LOCK})')\n"
        "print('held', flush=True); input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code],
        env=fresh_database.environment(),
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    relay = Relay(interval=0.1)
    try:
        assert other.stdout.readline() == b"held\n"
        relay.turn()
        assert broker.sent == []
    finally:
        other.kill()
        other.communicate()
    for _ in range(50):
        relay.turn()
        if broker.sent:
            break
        connection.cursor().execute("SELECT pg_sleep(0.1)")
    assert len(broker.sent) == 1


def schedule(by, **changes) -> Schedule:
    version = rows.version(by)
    given = {"dataset": "production", "every_days": 7} | changes
    return commands.set_schedule(by=by, version=version, use=rows.use(version.model), **given)


def test_a_schedule_asks_once_each_time_it_falls_due(dora) -> None:
    found = schedule(dora)
    assert commands.request_due(by=RELAY) == 1
    assert commands.request_due(by=RELAY) == 0
    run = Run.objects.get()
    assert (run.purpose, run.dataset, run.requested_by, run.schedule) == (
        "monitoring",
        "production",
        dora,
        found,
    )
    event = Event.objects.get(action="run.requested")
    assert (event.actor_id, event.doc["on_behalf_of"]["id"]) == ("relay", str(dora.pk))
    found.refresh_from_db()
    assert timedelta(days=6) < found.next_due - database_now() < timedelta(days=7)


def test_days_that_were_missed_are_asked_for_once(dora) -> None:
    found = schedule(dora, first_due=database_now() - timedelta(days=30))
    assert commands.request_due(by=RELAY) == 1
    found.refresh_from_db()
    assert timedelta(0) < found.next_due - database_now() < timedelta(days=7)
    assert Run.objects.count() == 1


def test_times_that_were_missed_raise_the_alert(dora) -> None:
    found = schedule(dora, first_due=database_now() - timedelta(days=15))
    assert list(queries.missed_schedules(dora)) == [found]  # nobody turned to it yet
    commands.request_due(by=RELAY)
    found.refresh_from_db()
    assert found.missed_why.startswith("Nothing was asked for 2 times since ")
    event = Event.objects.get(action="schedule.missed", object_id=str(found.pk))
    assert event.doc["reason"] == found.missed_why
    assert list(queries.missed_schedules(dora)) == [found]


@pytest.mark.parametrize("state", ["errored", "dead", "cancelled"])
def test_a_scheduled_run_without_a_decision_raises_the_alert_once(dora, state: str) -> None:
    found = schedule(dora)
    commands.request_due(by=RELAY)
    run = commands.claim(by=system("worker"), run_id=Run.objects.get().pk, owner="w")
    ended = {"cause": "No column y.", "finished_at": database_now(), "lease_until": None}
    audit.move(run, state, by=RELAY, event=EventName.RUN_ERRORED, **ended)
    assert (commands.note_missed(by=RELAY), commands.note_missed(by=RELAY)) == (1, 0)
    found.refresh_from_db()
    assert found.missed_why.endswith(f"is {state}: No column y.")
    assert Event.objects.filter(action="schedule.missed").count() == 1


def test_a_scheduled_run_that_waits_for_more_than_a_day_raises_the_alert(dora) -> None:
    schedule(dora)
    commands.request_due(by=RELAY)
    assert commands.note_missed(by=RELAY) == 0
    Run.objects.update(requested_at=Clock() - timedelta(hours=25))
    assert commands.note_missed(by=RELAY) == 1


def test_the_alert_ends_once_monitoring_happens_again(dora, broker: Broker) -> None:
    schedule(dora, first_due=database_now() - timedelta(days=15))
    commands.request_due(by=RELAY)
    assert queries.missed_schedules(dora).count() == 1
    commands.execute_next(by=system("worker"), lane="quick", owner="h:1:2")
    assert Run.objects.get().state == RunState.DECIDED
    assert queries.missed_schedules(dora).count() == 0


def test_a_lane_that_stands_still_after_its_broker_was_emptied_is_woken(dora, broker: Broker) -> None:
    runs = [rows.run(dora) for _ in range(3)]
    commands.claim_next(by=system("worker"), lane="quick", owner="h:1:2")
    Run.objects.filter(state=RunState.QUEUED).update(published_at=Clock() - timedelta(seconds=6), hints=9)
    assert (commands.send_hints(by=RELAY), commands.wake_lanes(by=RELAY)) == (0, 0)  # one is at work
    commands.give_back(by=RELAY, owner="h:1")
    Run.objects.filter(state=RunState.QUEUED).update(published_at=Clock() - timedelta(seconds=6), hints=9)
    assert commands.wake_lanes(by=RELAY) == len(runs)
    assert commands.wake_lanes(by=RELAY) == 0
    assert {lane for _, lane in broker.sent} == {"quick"}


def test_a_lane_without_workers_is_not_woken_again_and_again(dora, broker: Broker) -> None:
    age(rows.run(dora), 60)
    assert commands.wake_lanes(by=RELAY) == 0


def test_a_worker_that_ends_a_run_sends_for_the_next(dora, broker: Broker) -> None:
    rows.run(dora)
    second = rows.run(dora)
    commands.execute_next(by=system("worker"), lane="quick", owner="h:1:2")
    assert broker.sent == [(str(second.pk), "quick")]


def test_a_schedule_that_is_refused_says_so_in_the_trail(dora) -> None:
    found = schedule(dora)
    Use.objects.filter(pk=found.use_id).update(retired_at=Clock(), retired_by=dora)
    assert commands.request_due(by=RELAY) == 1
    event = Event.objects.get(action="schedule.refused", object_id=str(found.pk))
    assert "was retired" in event.doc["reason"]
    assert not Run.objects.exists()


def test_an_ended_schedule_asks_no_more(dora) -> None:
    found = schedule(dora)
    commands.end_schedule(by=dora, schedule=found, reason="Replaced by another.")
    assert commands.request_due(by=RELAY) == 0
    assert list(queries.schedules_of(found.version)) == []
    with pytest.raises(Refused, match="This schedule ended"):
        commands.end_schedule(by=dora, schedule=found, reason="again")
    names = Event.objects.filter(object_id=str(found.pk), object_type="schedule").order_by("occurred_at")
    assert list(names.values_list("action", flat=True)) == ["schedule.set", "schedule.ended"]


def test_a_data_set_is_monitored_once(dora) -> None:
    found = schedule(dora)
    with pytest.raises(Refused, match="is already monitored on production"):
        commands.set_schedule(
            by=dora, version=found.version, use=found.use, dataset="production", every_days=1
        )


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_pause_must_make_sense(dora, days: int) -> None:
    with pytest.raises(Invalid, match="A schedule runs every 1 to 366 days"):
        schedule(dora, every_days=days)


def test_the_lease_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "RUN_LEASE_SECONDS", 3)
    assert pacing.lease() == timedelta(seconds=3)
