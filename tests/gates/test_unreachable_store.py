"""A run whose store is out of reach is tried again, and never passes."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from apps.audit.models import Event
from apps.gates.models import Run
from apps.gates.states import RunState
from apps.inventory.models import ModelVersion
from tests.gates import test_execution as execution
from tests.gates import world
from tests.inventory.conftest import object_storage
from tests.s3 import ObjectStorage

__all__ = ["object_storage"]
child, dora, policy = execution.child, execution.dora, execution.policy


@pytest.fixture
def away(dora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelVersion:
    """A version that is registered; then the bucket with its bytes stops answering."""
    version = world.register(dora, tmp_path / "given")
    place = {"name": "b", "endpoint": "http://127.0.0.1:1", "timeout_s": 1}
    told = {"writer": None, "reader": place, "cache": tmp_path / "cache"}
    monkeypatch.setattr(settings, "STORE", told)
    return version


def test_the_run_waits_for_another_attempt_and_says_why(dora, away, policy) -> None:
    run = execution.execute(execution.request(dora, away))
    assert (run.state, run.attempt) == (RunState.QUEUED, 1)
    assert run.cause.startswith("The stored files are unavailable: The bytes sha256:")
    assert "did not answer" in run.cause
    assert not run.evidence.exists()


def test_in_the_end_it_is_dead_with_the_cause_and_never_decided(dora, away, policy) -> None:
    run = execution.request(dora, away)
    for _ in range(3):
        Run.objects.filter(pk=run.pk).update(not_before=None)
        run = execution.execute(run)
    assert run.state == RunState.DEAD
    assert "did not answer" in run.cause
    assert not hasattr(run, "decision")
    assert Event.objects.filter(action="run.dead").count() == 1


@pytest.mark.slow
def test_a_run_measures_what_lies_in_a_bucket_with_a_readers_key_alone(
    dora, policy, object_storage: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = object_storage.setting(tmp_path / "web", prefix="run")
    monkeypatch.setattr(settings, "STORE", web)
    run = execution.request(dora, world.register(dora, tmp_path / "given"))
    worker = object_storage.setting(tmp_path / "worker", prefix="run", writes=False)
    monkeypatch.setattr(settings, "STORE", worker)
    run = execution.execute(run)
    assert (run.state, run.decision.outcome) == (RunState.DECIDED, "pass")
    assert list((tmp_path / "worker").glob("??/*"))
