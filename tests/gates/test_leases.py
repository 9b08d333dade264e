from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from apps.audit.models import Event
from apps.audit.states import system
from apps.gates import commands, pacing
from apps.gates.clock import Clock, database_now
from apps.gates.commands.leases import claim, still_mine
from apps.gates.commands.leasing import Fenced
from apps.gates.models import Run
from apps.gates.states import Failure, Lane, RunState
from tests.gates import rows

WORKER = system("worker")


@pytest.fixture
def queued(db: None) -> Run:
    return rows.run(rows.person("dora"))


def take(run: Run, owner: str = "w1") -> Run | None:
    return claim(by=WORKER, run_id=run.pk, owner=owner)


def taken(run: Run, owner: str = "w1") -> Run:
    found = take(run, owner)
    assert found is not None
    return found


def run_out(run: Run) -> None:
    """As if the worker had been silent for longer than the lease."""
    Run.objects.filter(pk=run.pk).update(lease_until=Clock() - timedelta(seconds=1))


def rest(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(not_before=None)


def test_claim_takes_a_queued_run(queued: Run) -> None:
    run = taken(queued)
    assert (run.state, run.fence, run.owner) == (RunState.RUNNING, 1, "w1")
    assert run.lease_until is not None
    assert timedelta(0) < run.lease_until - database_now() <= pacing.lease()
    assert Event.objects.filter(action="run.claimed", object_id=str(run.pk)).count() == 1


def test_claim_of_a_running_run_takes_nothing(queued: Run) -> None:
    taken(queued)
    assert take(queued, "w2") is None
    queued.refresh_from_db()
    assert (queued.owner, queued.fence) == ("w1", 1)


def test_claim_of_an_unknown_run_takes_nothing(db: None) -> None:
    assert claim(by=WORKER, run_id=uuid.uuid4(), owner="w1") is None


def test_claim_waits_for_the_rest_after_a_failure(queued: Run) -> None:
    commands.fail(by=WORKER, run=taken(queued), failure=Failure.CRASH, cause="It crashed.")
    assert take(queued) is None
    rest(queued)
    assert taken(queued).fence == 2


def test_an_expired_lease_is_taken_over_and_counts_as_lost(queued: Run) -> None:
    run_out(taken(queued))
    run = taken(queued, "w2")
    assert (run.owner, run.fence, run.lost, run.attempt) == ("w2", 2, 1, 0)
    assert Event.objects.filter(action="run.lost", object_id=str(run.pk)).exists()


def test_a_fenced_worker_writes_nothing(queued: Run) -> None:
    frozen = taken(queued)
    run_out(frozen)
    owner = taken(queued, "w2")
    assert not commands.beat(run_id=frozen.pk, fence=frozen.fence)
    assert not commands.note_progress(run_id=frozen.pk, fence=frozen.fence, done=9, progress=[])
    with pytest.raises(Fenced):
        commands.fail(by=WORKER, run=frozen, failure=Failure.INPUT, cause="late")
    owner.refresh_from_db()
    assert (owner.state, owner.gates_done, owner.cause) == (RunState.RUNNING, 0, "")


def test_a_beat_lengthens_the_lease(queued: Run) -> None:
    run = taken(queued)
    run_out(run)
    assert commands.beat(run_id=run.pk, fence=run.fence)
    assert still_mine(run).lease_until > database_now()


def test_two_losses_bring_a_run_to_the_quarantine(queued: Run) -> None:
    for _ in range(pacing.QUARANTINE_AFTER):
        rest(queued)
        run_out(taken(queued))
        assert commands.take_back(by=WORKER) == 1
    queued.refresh_from_db()
    assert (queued.state, queued.lane, queued.lost) == (RunState.QUEUED, Lane.QUARANTINE, 2)
    assert queued.not_before > database_now()


def test_ten_losses_make_a_run_dead(queued: Run) -> None:
    for _ in range(pacing.MAX_LOST):
        rest(queued)
        run_out(taken(queued))
        commands.take_back(by=WORKER)
    queued.refresh_from_db()
    assert (queued.state, queued.lost, queued.attempt) == (RunState.DEAD, 10, 0)
    assert queued.cause == "Its worker was lost 10 times; the last was w1."
    assert Event.objects.filter(action="run.dead", object_id=str(queued.pk)).exists()


def test_three_own_failures_make_a_run_dead(queued: Run) -> None:
    for _ in range(pacing.MAX_ATTEMPTS):
        rest(queued)
        commands.fail(by=WORKER, run=taken(queued), failure=Failure.CRASH, cause="It crashed.")
    queued.refresh_from_db()
    assert (queued.state, queued.attempt, queued.lost) == (RunState.DEAD, 3, 0)
    assert queued.cause == "It crashed. It failed 3 times."


def test_losses_do_not_count_as_failures(queued: Run) -> None:
    for _ in range(5):
        rest(queued)
        run_out(taken(queued))
        commands.take_back(by=WORKER)
    rest(queued)
    run = commands.fail(by=WORKER, run=taken(queued), failure=Failure.CRASH, cause="It crashed.")
    assert (run.state, run.attempt, run.lost) == (RunState.QUEUED, 1, 5)


def test_a_wrong_input_ends_the_run_at_once(queued: Run) -> None:
    run = commands.fail(by=WORKER, run=taken(queued), failure=Failure.INPUT, cause="No column y.")
    assert (run.state, run.cause, run.lease_until) == (RunState.ERRORED, "No column y.", None)
    assert Event.objects.filter(action="run.errored", object_id=str(run.pk)).exists()


def test_want_of_room_is_tried_once_more_on_the_heavy_lane(queued: Run) -> None:
    run = commands.fail(by=WORKER, run=taken(queued), failure=Failure.RESOURCE, cause="Too big.")
    assert (run.state, run.lane) == (RunState.QUEUED, Lane.HEAVY)
    rest(queued)
    run = commands.fail(by=WORKER, run=taken(queued), failure=Failure.RESOURCE, cause="Too big.")
    assert run.state == RunState.ERRORED


def test_a_poison_run_dies_while_others_go_on(db: None) -> None:
    owner = rows.person("dora")
    poison, healthy = rows.run(owner), rows.run(owner)
    for _ in range(pacing.MAX_ATTEMPTS):
        rest(poison)
        commands.fail(by=WORKER, run=taken(poison), failure=Failure.CRASH, cause="It crashed.")
    assert take(poison) is None
    assert taken(healthy).state == RunState.RUNNING
