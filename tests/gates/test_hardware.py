"""Classes of hardware: which lane a run waits in, and who lets it use what is dear."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.audit.states import system
from apps.engine import inside, table_limits
from apps.engine.catalogue import find
from apps.gates import commands, hardware, measuring, queries
from apps.gates.hardware import class_of, lane_of
from apps.gates.models import HardwareConsent, Run
from apps.gates.states import Failure, RunState, WaitsFor
from apps.inventory import intake
from tests.gates import rows, world

WORKER = system("worker")
POLICY = """\
apiVersion: governance/v1
kind: Policy
metadata: {id: credit-dear, version: 1.0.0, title: A credit policy, owner: model-risk-policy}
effective: {from: 2026-01-01, until: null}
applies_to:
  match: {model.domain: [credit]}
gates:
  - {id: performance.floor, check: performance.auc, hardware: gpu, pass: {min: 0.70}}
hardware: {approval: [gpu]}
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    def child(task: Any, *, limits=None, progress=None, tick=None) -> dict[str, Any]:
        answer = inside._answer(task, progress or (lambda _: None))
        usage = {"cpu_seconds": 0.0, "peak_memory_bytes": 0}
        return {**json.loads(json.dumps(answer)), "walls": {}, "usage": usage}

    for module in (measuring, intake):
        monkeypatch.setattr(module, "in_child", child)


@pytest.fixture
def dora(db: None):
    return rows.person("dora", "developer")


@pytest.fixture
def hana(db: None):
    return rows.person("hana", "head-of-model-risk")


def released(text: str = POLICY):
    return rows.release(rows.person("pia"), rows.person("pat"), text.encode())


def requested(dora, folder: Path) -> Run:
    version = world.register(dora, folder)
    return commands.request_run(by=dora, version=version, use=version.model.uses.get())


@pytest.fixture
def run(dora, tmp_path: Path) -> Run:
    released()
    return requested(dora, tmp_path / "given")


def execute(run: Run) -> Run | None:
    return commands.execute_run(by=WORKER, run_id=run.pk, owner="w1")


def test_a_run_takes_the_class_and_lane_of_its_most_demanding_gate(run) -> None:
    assert (run.hardware, run.lane, run.waits_for) == ("gpu", "gpu", WaitsFor.CONSENT)
    assert (class_of([]), lane_of("memory", 1), lane_of("cpu", 1), lane_of("cpu", 200_000)) == (
        "cpu", "heavy", "quick", "heavy",
    )  # fmt: skip


def test_it_waits_until_another_person_approves(run, hana) -> None:
    assert execute(run) is None
    assert list(queries.waiting_for_consent(hana)) == [run]
    consent = commands.consent_hardware(by=hana, run=run, granted=True, reason="The quarter's review.")
    assert (consent.hardware, consent.granted) == ("gpu", True)
    assert execute(run).state == RunState.DECIDED
    assert Event.objects.filter(action="hardware.approved", object_id=str(run.pk)).count() == 1


def test_refusing_it_cancels_the_run_and_says_why(run, hana) -> None:
    commands.consent_hardware(by=hana, run=run, granted=False, reason="Too dear.")
    ended = Run.objects.get(pk=run.pk)
    assert (ended.state, ended.cause) == (RunState.CANCELLED, "The use of gpu was refused: Too dear.")
    assert Event.objects.filter(action="hardware.refused").count() == 1
    with pytest.raises(Refused, match="waits for nobody"):
        commands.consent_hardware(by=hana, run=run, granted=True, reason="After all.")


def test_nobody_approves_their_own_run_nor_without_the_right_nor_without_a_reason(run, dora, hana) -> None:
    with pytest.raises(Forbidden):
        commands.consent_hardware(by=dora, run=run, granted=True, reason="Mine.")
    with pytest.raises(Invalid, match="reason"):
        commands.consent_hardware(by=hana, run=run, granted=True, reason=" ")
    Run.objects.filter(pk=run.pk).update(requested_by=hana)
    with pytest.raises(Forbidden, match="another person"):
        commands.consent_hardware(by=hana, run=run, granted=True, reason="Mine.")


def test_rows_alone_approve_nothing(run, hana) -> None:
    """With the service's own SQL: neither the run's row nor a consent without its statement counts."""
    HardwareConsent.objects.create(
        run=run,
        hardware="gpu",
        granted=True,
        reason="x",
        given_by=hana,
        statement_digest="sha256:" + "0" * 64,
    )
    Run.objects.filter(pk=run.pk).update(waits_for="", not_before=None)
    ended = execute(run)
    assert (ended.state, ended.cause) == (
        RunState.ERRORED,
        "This run needs gpu, which nobody approved for it.",
    )


def test_the_installation_may_call_a_class_dear(
    dora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "HARDWARE_APPROVAL", ["memory"])
    released(POLICY.replace("gpu", "memory").replace("hardware: {approval: [memory]}\n", ""))
    assert requested(dora, tmp_path / "given").waits_for == WaitsFor.CONSENT


def test_a_class_that_nobody_calls_dear_runs_at_once(dora, tmp_path: Path) -> None:
    released(POLICY.replace("hardware: {approval: [gpu]}\n", ""))
    run = requested(dora, tmp_path / "given")
    assert (run.lane, run.waits_for) == ("gpu", "")
    assert execute(run).state == RunState.DECIDED


def test_a_run_that_would_hold_much_is_of_the_class_memory_and_says_by_which_check(
    dora, hana, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(POLICY.replace("hardware: gpu, ", "").replace("[gpu]", "[memory]"))
    small = requested(dora, tmp_path / "small")
    auc = find("performance.auc").takes
    assert (small.hardware, small.lane, small.waits_for) == ("cpu", "quick", "")
    assert (small.memory_bytes, small.memory_check) == (auc.memory(800, 3), "performance.auc")
    monkeypatch.setattr(hardware, "ROOMY", small.memory_bytes - 1)
    commands.cancel(by=dora, run=small)
    run = commands.request_run(by=dora, version=small.version, use=small.use)
    assert (run.hardware, run.lane, run.waits_for) == ("memory", "heavy", WaitsFor.CONSENT)
    commands.consent_hardware(by=hana, run=run, granted=True, reason="It is needed.")
    assert execute(run).state == RunState.DECIDED


def test_a_large_table_that_is_summed_up_takes_no_more_than_a_small_one() -> None:
    check, rows = find("performance.auc"), 1_000_000_000
    small = hardware._memory(check, [(table_limits.HELD_ROWS, 20)], True)
    assert hardware._memory(check, [(rows, 20)], True) == small
    assert hardware._memory(find("robustness.weak_segments"), [(rows, 20)], False) < 4 << 30


def test_a_model_that_scores_and_a_reference_take_more() -> None:
    sizes = [(1_000_000, 20)] * 2
    slope = hardware._memory(find("calibration.slope"), sizes, True)
    assert hardware._memory(find("calibration.slope"), sizes, False) < slope


@pytest.mark.parametrize(
    ("check", "mib"),  # the peak of a child with gradient-boosted trees, a million rows of twenty features
    [
        ("calibration.slope", 856),
        ("data.outliers", 1084),
        ("data.train_test_overlap", 940),
        ("explainability.global_importance", 1507),
    ],
)
def test_the_estimate_is_near_what_was_measured(check: str, mib: int) -> None:
    told = hardware._memory(find(check), [(1_000_000, 20)] * 2, True) >> 20
    assert mib * 0.95 <= told <= mib * 1.5


class OutOfMemoryError(RuntimeError):
    """As torch calls its own."""


def test_a_gpu_without_room_is_tried_once_on_the_large_lane_and_is_never_a_pass(
    dora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(POLICY.replace("hardware: {approval: [gpu]}\n", ""))
    run = requested(dora, tmp_path / "given")

    def full(*_: Any) -> Any:
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setitem(inside._TASKS, "gates", full)
    again = execute(run)
    assert (again.state, again.lane, again.attempt) == (RunState.QUEUED, "heavy", 1)
    Run.objects.filter(pk=run.pk).update(not_before=None)
    ended = execute(run)
    assert (ended.state, ended.cause) == (
        RunState.ERRORED,
        "Measuring stopped: it needed more memory than the GPU has.",
    )
    assert not hasattr(ended, "decision")


def test_the_large_lane_may_do_what_the_gpu_could_not(dora, tmp_path: Path) -> None:
    released(POLICY.replace("hardware: {approval: [gpu]}\n", ""))
    run = requested(dora, tmp_path / "given")
    held = commands.claim(by=WORKER, run_id=run.pk, owner="w")
    commands.fail(by=WORKER, run=held, failure=Failure.RESOURCE, cause="The GPU was full.")
    Run.objects.filter(pk=run.pk).update(not_before=None)
    assert execute(run).state == RunState.DECIDED
