"""The measuring part of a run: files laid out, one child process, values back. It writes no row."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from django.conf import settings

from apps.audit.errors import NotFound
from apps.engine.child import Limits, in_child
from apps.engine.disclosure import without_cells
from apps.engine.machine import machine
from apps.engine.policy import Gate
from apps.gates.clock import database_now
from apps.gates.models import Run
from apps.gates.queries import question
from apps.gates.states import Failure
from apps.inventory.layout import lay_out
from apps.inventory.services import outside
from apps.inventory.store import Unreachable
from apps.outside.children import done_in_child
from apps.outside.transcript import Transcript

FAILURES = {
    "bad_input": Failure.INPUT,
    "resource": Failure.RESOURCE,
    "timeout": Failure.RESOURCE,
    "unavailable": Failure.UNAVAILABLE,
    "walls": Failure.UNAVAILABLE,  # another worker's machine may have them
}


class NotMeasured(Exception):
    """An attempt that gave nothing: what kind of failure it was, and the sentence for a person."""

    def __init__(self, failure: Failure, cause: str, usage: Usage | None = None) -> None:
        # Everybody who sees the run reads it; the rows of its data are for fewer.
        super().__init__(without_cells(cause))
        self.failure = failure
        self.usage = usage  # None: nothing was measured of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the child process used, measured by the operating system."""

    cpu_seconds: float
    wall_seconds: float
    peak_memory_bytes: int
    gpu_seconds: float = 0.0

    def as_json(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The measurement of each gate as JSON, the walls that stood around the measuring, what it used."""

    measurements: Mapping[str, Mapping[str, Any]]
    measured_at: datetime
    usage: Usage
    walls: Mapping[str, str] = field(default_factory=dict)
    # The interpreter, libraries, processor, driver, device and image that it was measured on.
    machine: Mapping[str, Any] = field(default_factory=dict)
    # Where the model is a service: what it was asked and answered, and what evidence says of that.
    transcript: Transcript | None = None
    endpoint: Mapping[str, Any] = field(default_factory=dict)
    # By data set that was summed up in parts, the statements of its partitions.
    partitions: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def nothing(cls) -> Self:
        """No gate was asked."""
        usage = Usage(cpu_seconds=0, wall_seconds=0, peak_memory_bytes=0)
        return cls(measurements={}, measured_at=database_now(), usage=usage)


Progress = Callable[[Mapping[str, Any]], None]


def run_limits() -> Limits:
    """What the measuring of one run may use, and whether it needs every wall."""
    return Limits(wall_s=settings.RUN_WALL_SECONDS, required=settings.WALLS == "required")


def measure_gates(run: Run, gates: Sequence[Gate], *, progress: Progress, tick: Callable[[], None]) -> Found:
    """Measure every gate of a run in a child process; NotMeasured when there is no number to trust."""
    began = time.monotonic()
    with _laid_out(run) as folder:
        task = {
            "do": "gates",
            "manifest": str(folder / "model.yaml"),
            "gates": [question(gate) for gate in gates],
            "seed": run.seed,
        }
        done = done_in_child(
            task, child=in_child, outside=outside(), limits=run_limits(), progress=progress, tick=tick
        )
    answer = done.answer
    usage = used(answer, time.monotonic() - began)
    if answer["status"] != "done":
        raise NotMeasured(FAILURES.get(answer["kind"], Failure.CRASH), answer["reason"], usage)
    same_files(run, answer["result"]["subject"])
    return Found(
        measurements=answer["result"]["measurements"],
        measured_at=database_now(),
        walls=answer["walls"],
        machine=machine_of(answer),
        transcript=done.transcript,
        endpoint={} if done.transcript is None else done.transcript.summary(),
        usage=usage or Found.nothing().usage,
    )


def used(answer: Mapping[str, Any], wall: float) -> Usage | None:
    """What the child used; a GPU is taken up for as long as the child runs on it."""
    told = answer.get("usage")
    if told is None:
        return None
    gpu = wall if answer.get("device", "cpu") != "cpu" else 0.0
    return Usage(**{"gpu_seconds": round(gpu, 6), "wall_seconds": round(wall, 6), **told})


def machine_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the child ran on: this host, and the device that it names."""
    return machine(str(answer.get("device") or "cpu"), image=settings.IMAGE_DIGEST)


@contextmanager
def _laid_out(run: Run) -> Iterator[Path]:
    """A folder with the manifest, the artifact and the data of the version, digests checked once more."""
    root = Path(settings.STATE) / "files" / "runs"
    # A worker that was killed left its folder; the run is ours now.
    for left in root.glob(f"{run.pk}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = root / f"{run.pk}-{run.fence}"
    try:
        folder.mkdir(parents=True)
        fill(lambda: lay_out(run.version, folder))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(lay: Callable[[], Path]) -> Path:
    """Lay out files; NotMeasured, to be tried again, where the store does not give them."""
    try:
        return lay()
    except (NotFound, Unreachable, OSError) as error:
        raise NotMeasured(Failure.UNAVAILABLE, f"The stored files are unavailable: {error}") from error


def same_files(run: Run, subject: Mapping[str, Any]) -> None:
    """What was measured must be what was pinned, byte for byte."""
    if subject["digest"] != run.pinned["version"]:
        told = f"The files are those of {subject['digest']}, the run names {run.pinned['version']}."
        raise NotMeasured(Failure.INPUT, told)
    measured = {name: data["digest"] for name, data in subject["datasets"].items()}
    for name, digest in sorted(run.pinned["datasets"].items()):
        if measured.get(name) != digest:
            raise NotMeasured(
                Failure.INPUT,
                f'The data set "{name}" is {measured.get(name) or "gone"}, the run names {digest}.',
            )
    if subject["artifact"] != run.pinned["artifact"]:
        raise NotMeasured(
            Failure.INPUT,
            f"The artifact is {subject['artifact'] or 'gone'}, the run names {run.pinned['artifact']}.",
        )
