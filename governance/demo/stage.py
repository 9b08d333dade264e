"""Registering the fixtures' models and waiting for the workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml
from django.conf import settings

from apps.access.models import Person
from apps.approvals.models import Approval
from apps.gates.models import Run
from apps.gates.states import ENDED, RunState
from apps.inventory import commands as inventory
from apps.inventory.models import ModelVersion, Use
from apps.reports.commands import request_report
from apps.reports.models import Report
from apps.reports.queries import report_of

Say = Callable[[str], None]
PATIENCE_S = 240
FOLDER = Path("fixtures") / "models"


class NotPlayed(Exception):
    """The demo cannot go on; the sentence says why."""


def register(by: Person, folder: str) -> ModelVersion:
    """Register the version of a fixtures folder, its files stored first."""
    home = Path(settings.BASE_DIR) / FOLDER / folder
    raw = (home / "model.yaml").read_bytes()
    spec = yaml.safe_load(raw)["spec"]
    artifact = spec["artifact"].get("path")
    blobs: dict[str, object] = {
        "datasets": {name: _store(by, home / entry["path"]) for name, entry in spec["datasets"].items()}
    }
    if artifact:
        blobs["artifact"] = _store(by, home / artifact)
    return inventory.register_version(by=by, manifest=raw, blobs=blobs)


def _store(by: Person, path: Path) -> str:
    with path.open("rb") as file:
        return inventory.store_blob(by=by, stream=file).digest


def use_of(version: ModelVersion) -> Use:
    """The one use of a demo model."""
    return version.model.uses.get()


def await_runs(runs: Sequence[Run], say: Say) -> None:
    """Wait until the workers have decided every run, saying how far they are."""
    end, told = time.monotonic() + PATIENCE_S, -1
    while True:
        fresh = list(Run.objects.filter(pk__in=[r.pk for r in runs]).select_related("version__model"))
        done = [r for r in fresh if r.state in ENDED]
        if len(done) != told:
            told = len(done)
            measured, all_gates = sum(r.gates_done for r in fresh), sum(r.gates_total for r in fresh)
            say(f"  {told} of {len(fresh)} runs decided, {measured} of {all_gates} gates measured")
        if len(done) == len(fresh):
            return _refuse_failed(fresh)
        if time.monotonic() > end:
            raise NotPlayed(f"The workers did not finish within {PATIENCE_S} s; are they running?")
        time.sleep(0.5)


def _refuse_failed(runs: Sequence[Run]) -> None:
    for run in runs:
        if run.state != RunState.DECIDED:
            raise NotPlayed(f"The run of {run.version} is {run.state}: {run.cause}")


def await_report(by: Person, approval: Approval) -> Report:
    """Wait until a worker has made the report."""
    request_report(by=by, approval=approval)
    end = time.monotonic() + PATIENCE_S
    while (report := report_of(approval)) is None:
        if time.monotonic() > end:
            raise NotPlayed(f"No worker made the report of {approval} within {PATIENCE_S} s.")
        time.sleep(0.3)
    return report
