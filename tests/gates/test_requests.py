from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.audit.states import system
from apps.gates import commands
from apps.gates.models import Run
from apps.gates.states import Failure, Lane, RunState
from apps.inventory.models import ModelVersion, Use
from tests.gates import rows
from tests.gates.broker import Broker

pytestmark = pytest.mark.django_db
Capture = Callable[..., object]


@pytest.fixture
def dora(db: None):
    return rows.person("dora", "developer")


@pytest.fixture
def version(dora) -> ModelVersion:
    return rows.version(dora)


@pytest.fixture
def use(version: ModelVersion) -> Use:
    return rows.use(version.model)


@pytest.fixture
def policy(db: None):
    return rows.release(rows.person("pia"), rows.person("pat"), rows.policy_text())


def end(run: Run) -> None:
    taken = commands.claim(by=system("worker"), run_id=run.pk, owner="w")
    commands.fail(by=system("worker"), run=taken, failure=Failure.INPUT, cause="No.")


def test_a_request_pins_everything_by_digest(dora, version, use, policy) -> None:
    run = commands.request_run(by=dora, version=version, use=use)
    assert run.state == RunState.QUEUED
    assert run.pinned["version"] == version.digest
    assert run.pinned["artifact"] == version.artifact_id
    assert run.pinned["datasets"] == dict(version.datasets.values_list("name", "digest"))
    assert run.pinned["policies"] == [{"id": "small", "version": "1.0.0", "digest": policy.digest}]
    assert run.pinned["fields"]["model.domain"] == "credit"
    assert (run.gates_total, [g["gate"] for g in run.progress]) == (1, ["security.scan"])


def test_the_seed_comes_from_the_files_alone(dora, version, use, policy) -> None:
    first = commands.request_run(by=dora, version=version, use=use)
    second = commands.request_run(by=dora, version=version, use=use, purpose="dry-run")
    assert first.seed == second.seed == int(version.digest[7:15], 16) & 0x7FFFFFFF
    assert first.pins != second.pins


def test_a_request_is_an_event(dora, version, use) -> None:
    run = commands.request_run(by=dora, version=version, use=use)
    event = Event.objects.get(action="run.requested", object_id=str(run.pk))
    assert event.actor_id == str(dora.pk)
    assert event.doc["after"]["version"] == version.digest


def test_the_same_request_while_it_waits_is_the_same_run(dora, version, use) -> None:
    first = commands.request_run(by=dora, version=version, use=use)
    assert commands.request_run(by=dora, version=version, use=use) == first
    end(first)
    assert commands.request_run(by=dora, version=version, use=use) != first
    assert Event.objects.filter(action="run.requested").count() == 2


def test_a_key_stands_for_one_run_for_ever(dora, version, use) -> None:
    first = commands.request_run(by=dora, version=version, use=use, key="ci-17")
    end(first)
    assert commands.request_run(by=dora, version=version, use=use, key="ci-17") == first


def test_a_key_may_not_be_used_for_something_else(dora, version, use) -> None:
    commands.request_run(by=dora, version=version, use=use, key="ci-17")
    with pytest.raises(Refused, match="This key was used for the run"):
        commands.request_run(by=dora, version=version, use=use, key="ci-17", purpose="dry-run")


def test_the_newest_policy_in_force_is_pinned(dora, version, use) -> None:
    people = rows.person("pia"), rows.person("pat")
    rows.release(*people, rows.policy_text(number="1.9.0"))
    newest = rows.release(*people, rows.policy_text(number="1.10.0"))
    rows.release(*people, rows.policy_text(number="2.0.0", start="2999-01-01"))
    rows.release(*people, rows.policy_text("old", until="2026-02-01"))
    rows.release(*people, rows.policy_text("other", domain="marketing"))
    run = commands.request_run(by=dora, version=version, use=use)
    assert [p["digest"] for p in run.pinned["policies"]] == [newest.digest]


def test_only_some_may_ask(version, use) -> None:
    with pytest.raises(Forbidden, match="Model developer"):
        commands.request_run(by=rows.person("ann", "auditor"), version=version, use=use)
    assert not Run.objects.exists()


def test_a_retired_use_is_refused(dora, version, use) -> None:
    Use.objects.filter(pk=use.pk).update(retired_at="2026-03-01T00:00:00Z", retired_by=dora)
    use.refresh_from_db()
    with pytest.raises(Refused, match="was retired on 2026-03-01"):
        commands.request_run(by=dora, version=version, use=use)


def test_a_use_of_another_model_is_refused(dora, version) -> None:
    other = rows.use(rows.version(dora).model)
    with pytest.raises(Invalid, match="is no use of"):
        commands.request_run(by=dora, version=version, use=other)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"purpose": "fun"}, '"fun" is no purpose of a run; expected one of approval, monitoring, dry-run.'),
        ({"purpose": "monitoring"}, "Monitoring needs the name of the data set"),
        ({"purpose": "monitoring", "dataset": "prod"}, 'has no data set "prod"; it has holdout, production.'),
        ({"dataset": "production"}, "Only a monitoring run may name another data set"),
    ],
)
def test_a_wrong_request_is_refused_with_a_sentence(dora, version, use, asked, sentence) -> None:
    with pytest.raises(Invalid, match=sentence):
        commands.request_run(by=dora, version=version, use=use, **asked)
    assert not Run.objects.exists()


def test_the_message_leaves_after_the_commit(
    dora, version, use, broker: Broker, django_capture_on_commit_callbacks: Capture
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run = commands.request_run(by=dora, version=version, use=use)
        assert broker.sent == []
    assert broker.sent == [(str(run.pk), Lane.QUICK)]


def test_a_broker_that_is_away_refuses_nothing(
    dora, version, use, broker: Broker, caplog, django_capture_on_commit_callbacks: Capture
) -> None:
    broker.away = True
    with django_capture_on_commit_callbacks(execute=True):
        run = commands.request_run(by=dora, version=version, use=use)
    assert Run.objects.get(pk=run.pk).state == RunState.QUEUED
    assert f"run {run.pk} waits for the relay" in caplog.text


def test_many_rows_wait_in_the_heavy_lane(dora, version, use, policy) -> None:
    version.datasets.create(
        name="big",
        blob_id=version.artifact_id,
        digest=rows.digest_of("big"),
        rows=10**6,
        declared={},
        filename="b",
    )
    assert commands.request_run(by=dora, version=version, use=use).lane == Lane.HEAVY


def test_a_queued_run_can_be_cancelled(dora, version, use) -> None:
    run = commands.cancel(by=dora, run=commands.request_run(by=dora, version=version, use=use))
    assert (run.state, run.finished_at is None) == (RunState.CANCELLED, False)
    with pytest.raises(Refused, match="cannot be cancelled any more"):
        commands.cancel(by=dora, run=run)


def test_a_running_run_can_be_cancelled_and_its_worker_writes_nothing(dora, version, use) -> None:
    run = commands.request_run(by=dora, version=version, use=use)
    taken = commands.claim(by=system("worker"), run_id=run.pk, owner="w")
    done = commands.cancel(by=dora, run=run, reason="The wrong data set.")
    assert (done.state, done.lease_until) == (RunState.CANCELLED, None)
    assert not commands.beat(run_id=run.pk, fence=taken.fence)
    with pytest.raises(commands.Fenced):
        commands.fail(by=system("worker"), run=taken, failure=Failure.CRASH, cause="late")
    assert Event.objects.get(action="run.cancelled").doc["reason"] == "The wrong data set."


def test_a_dead_run_lives_again_by_the_right_person(dora, version, use) -> None:
    run = commands.request_run(by=dora, version=version, use=use)
    for _ in range(3):
        Run.objects.filter(pk=run.pk).update(not_before=None)
        taken = commands.claim(by=system("worker"), run_id=run.pk, owner="w")
        run = commands.fail(by=system("worker"), run=taken, failure=Failure.CRASH, cause="It crashed.")
    assert run.state == RunState.DEAD
    with pytest.raises(Forbidden):
        commands.requeue(by=dora, run=run, reason="again")
    head = rows.person("hana", "head-of-model-risk")
    with pytest.raises(Invalid, match="Please say the reason"):
        commands.requeue(by=head, run=run, reason=" ")
    again = commands.requeue(by=head, run=run, reason="The machine was broken.")
    assert (again.state, again.attempt, again.lost) == (RunState.QUEUED, 0, 0)
    event = Event.objects.get(action="run.requeued")
    assert (event.actor_id, event.doc["reason"]) == (str(head.pk), "The machine was broken.")
