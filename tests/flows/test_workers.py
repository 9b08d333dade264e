"""Runs and the real processes: the web's request, the relay, Celery workers, kill -9 in the middle."""

from __future__ import annotations

import os
import signal

import pytest

from apps.audit.models import Event
from apps.gates import commands
from apps.gates.models import Decision, Run
from apps.gates.states import ENDED, RunState
from tests import factories
from tests.flows import bank
from tests.stack import LiveStack


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_RUN_LEASE_SECONDS", "2")


def request(label: str) -> Run:
    made = bank.version(label=label)
    return commands.request_run(by=factories.developer(), version=made, use=bank.use_of(made))


def all_ended(runs: list[Run]) -> bool:
    return not Run.objects.filter(pk__in=[r.pk for r in runs]).exclude(state__in=ENDED).exists()


def kill_worker_of_a_running_run(stack: LiveStack) -> Run:
    """kill -9 of the process that measures; it is no child of ours, only of its worker."""
    stack.until(lambda: Run.objects.filter(state=RunState.RUNNING).exists())
    victim = Run.objects.filter(state=RunState.RUNNING).latest("started_at")
    os.kill(int(victim.owner.rpartition(":")[2]), signal.SIGKILL)
    return victim


@pytest.mark.slow
@pytest.mark.broker
def test_a_killed_worker_loses_no_run_and_doubles_none(short_lease: None, live_stack: LiveStack) -> None:
    bank.policies()
    runs = [request(label) for label in ("1", "2", "3")]

    victim = kill_worker_of_a_running_run(live_stack)

    live_stack.until(lambda: all_ended(runs))
    ended = list(Run.objects.filter(pk__in=[r.pk for r in runs]))
    assert {r.state for r in ended} == {RunState.DECIDED}, [r.cause for r in ended]
    assert {r.pk: r.lost for r in ended} == {r.pk: int(r.pk == victim.pk) for r in ended}
    assert {r.attempt for r in ended} == {0}
    assert Decision.objects.count() == 3
    assert Event.objects.filter(action="run.decided").count() == 3
