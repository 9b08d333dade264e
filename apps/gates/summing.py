"""Partitions measured and merged: the part of a run that many workers share. It writes no row.

A summary is bytes in the store, named by digest in a signed statement. Whoever merges believes neither the
row nor the bytes: only what the statement says of this run, by this release of the engine.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from django.conf import settings

from apps.audit.errors import NotFound, Refused
from apps.audit.trail import contents
from apps.costs.models import CostEntry
from apps.engine.canonical import digest
from apps.engine.child import in_child
from apps.engine.policy import Gate
from apps.engine.provenance import Provenance
from apps.engine.version import ENGINE_VERSION
from apps.gates.clock import database_now
from apps.gates.measuring import (
    FAILURES,
    Found,
    NotMeasured,
    Progress,
    Usage,
    fill,
    machine_of,
    measure_gates,
    run_limits,
    same_files,
    used,
)
from apps.gates.models import Partition, Run
from apps.gates.queries import question
from apps.gates.states import Failure, PartitionState
from apps.inventory import store
from apps.inventory.layout import files_of, put_down
from apps.inventory.store import Unreachable

STATEMENT = "https://countersign.dev/partition/v1"
Tick = Callable[[], None]


class Lacking(NotMeasured):
    """Summaries that are gone, were changed or were never sealed: their parts are summed up again."""

    def __init__(self, partitions: Sequence[UUID], cause: str) -> None:
        super().__init__(Failure.UNAVAILABLE, cause)
        self.partitions = tuple(partitions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """What the child found of one partition."""

    data: bytes | None
    digest: str
    rows: int
    usage: Usage
    walls: Mapping[str, str]
    machine: Mapping[str, Any]
    provenance: Provenance = "governed"

    @classmethod
    def elsewhere(cls, digest: str, rows: int) -> Self:
        """What somebody else summed up; its bytes are in the store."""
        usage = Found.nothing().usage
        return cls(
            data=None, digest=digest, rows=rows, usage=usage, walls={}, machine={}, provenance="supplied"
        )


def sum_up(partition: Partition, gates: Sequence[Gate], *, tick: Tick) -> Summed:
    """Sum up the parts of a partition in a child process; NotMeasured where there is nothing to trust."""
    began, run = time.monotonic(), partition.run
    with _folder(f"partition-{partition.pk}", partition.fence) as folder:
        place = fill(lambda: _lay_out_parts(partition, folder))
        out = folder / "out" / "summary"
        out.parent.mkdir()
        task = {
            "do": "summarise",
            "manifest": str(place),
            "dataset": partition.dataset,
            "parts": sorted(partition.parts),
            "every": sorted(name for row in _others(partition) for name in row),
            "gates": [question(gate) for gate in gates],
            "out": str(out),
        }
        answer = in_child(task, limits=run_limits(), tick=tick)
        usage = used(answer, time.monotonic() - began)
        found = _trusted(partition, answer, usage)
        data = out.read_bytes()
    if (len(data), digest(data)) != (found["bytes"], found["digest"]):
        raise NotMeasured(Failure.CRASH, f"What was summed up of {run} is not what was said of it.")
    return Summed(
        data=data,
        digest=found["digest"],
        rows=int(found["rows"]),
        usage=usage or Found.nothing().usage,
        walls=answer["walls"],
        machine=machine_of(answer),
    )


def _others(partition: Partition) -> Iterator[Mapping[str, str]]:
    """The parts of every partition of the same data set."""
    rows = Partition.objects.filter(run=partition.run_id, dataset=partition.dataset)
    yield from rows.values_list("parts", flat=True)


def _trusted(partition: Partition, answer: Mapping[str, Any], usage: Usage | None) -> Mapping[str, Any]:
    if answer["status"] != "done":
        raise NotMeasured(FAILURES.get(answer["kind"], Failure.CRASH), answer["reason"], usage)
    found: Mapping[str, Any] = answer["result"]
    measured = {name: f"sha256:{found_digest}" for name, found_digest in found["parts"].items()}
    if measured != partition.parts:
        told = f"The parts of {partition.dataset} are not those that the run names."
        raise NotMeasured(Failure.INPUT, told, usage)
    return found


def _lay_out_parts(partition: Partition, folder: Path) -> Path:
    """The manifest, the artifact and the parts of this partition; no other data."""
    manifest, files = files_of(partition.run.version)
    entry = manifest["spec"]["datasets"][partition.dataset]
    # The digest that a manifest may declare is that of all parts together.
    entry.pop("sha256", None)
    whole, below = entry["path"], f"{entry['path']}/"
    inside = {
        place: held
        for place, held in files.items()
        if place.startswith("artifact/")
        or place == whole  # one file, of which the partition is a slice
        or (place.startswith(below) and place[len(below) :] in partition.parts)
    }
    return put_down(folder, manifest, inside)


# The last step ------------------------------------------------------------------------------------------


def measure_run(run: Run, gates: Sequence[Gate], *, progress: Progress, tick: Tick) -> Found:
    """Measure every gate of a run: from what its partitions gave, where it has any."""
    partitions = list(run.partitions.order_by("dataset", "number"))
    for partition in partitions:
        if partition.state == PartitionState.FAILED:
            raise NotMeasured(Failure(partition.failure or Failure.CRASH), partition.cause)
    if not partitions:
        return measure_gates(run, gates, progress=progress, tick=tick)
    return merge(run, partitions, gates, progress=progress, tick=tick)


def merge(
    run: Run, partitions: Sequence[Partition], gates: Sequence[Gate], *, progress: Progress, tick: Tick
) -> Found:
    """Measure every gate from the summaries, and from the whole data where a check takes rows."""
    began = time.monotonic()
    with _folder(str(run.pk), run.fence) as folder:
        summaries = _summaries(run, partitions, folder / "summaries")
        place = fill(lambda: _lay_out_rest(run, {p.dataset for p in partitions}, folder))
        task = {
            "do": "merged",
            "manifest": str(place),
            "gates": [question(gate) for gate in gates],
            "seed": run.seed,
            "summaries": [str(path) for path in summaries],
        }
        answer = in_child(task, limits=run_limits(), progress=progress, tick=tick)
    usage = used(answer, time.monotonic() - began)
    if answer["status"] != "done":
        raise NotMeasured(FAILURES.get(answer["kind"], Failure.CRASH), answer["reason"], usage)
    same_files(run, answer["result"]["subject"])
    found = Found(
        measurements=_labelled(answer["result"]["measurements"], _supplied(partitions)),
        measured_at=database_now(),
        walls=answer["walls"],
        usage=_together([*([usage] if usage else []), *_unentered(partitions)]),
        machine=machine_of(answer),
        partitions={
            name: [p.statement_digest for p in partitions if p.dataset == name]
            for name in sorted({p.dataset for p in partitions})
        },
    )
    return _with_rows(run, found, gates, answer["result"]["rows"], progress=progress, tick=tick)


def _unentered(partitions: Sequence[Partition]) -> list[Usage]:
    """What partitions used that were measured when they had no entries of their own; the run bears that."""
    entered = CostEntry.objects.filter(partition__in=[p.pk for p in partitions])
    told = set(entered.values_list("partition", flat=True))
    return [Usage(**p.usage) for p in partitions if p.pk not in told]


def _supplied(partitions: Sequence[Partition]) -> set[str]:
    """The data sets of which somebody else summed up a part, as the statements say."""
    told = contents(p.statement_digest for p in partitions)
    return {
        p.dataset for p in partitions if told[p.statement_digest]["predicate"].get("provenance") != "governed"
    }


def _labelled(
    measurements: Mapping[str, Mapping[str, Any]], supplied: set[str]
) -> dict[str, Mapping[str, Any]]:
    """Called supplied where a data set that the number rests on was: no mandatory gate goes by that."""
    named = ("dataset", "reference_dataset")
    return {
        gate: {**found, "provenance": "supplied"}
        if supplied & {found["parameters"].get(name) for name in named}
        else found
        for gate, found in measurements.items()
    }


def _with_rows(
    run: Run, found: Found, gates: Sequence[Gate], rows: Sequence[str], *, progress: Progress, tick: Tick
) -> Found:
    """The same, with the gates that take rows measured on the whole data."""
    if not rows:
        return found
    asked = [gate for gate in gates if gate.id in set(rows)]
    whole = measure_gates(run, asked, progress=_shifted(progress, len(gates), len(asked)), tick=tick)
    return replace(
        found,
        measurements={**found.measurements, **whole.measurements},
        measured_at=whole.measured_at,
        usage=_together([found.usage, whole.usage]),
    )


def _shifted(progress: Progress, of: int, last: int) -> Progress:
    """The words of the second child as those of the whole run's end."""
    return lambda step: progress({**step, "done": of - last + int(step["done"]), "of": of})


def _together(used: Sequence[Usage]) -> Usage:
    return Usage(
        cpu_seconds=round(sum(u.cpu_seconds for u in used), 6),
        wall_seconds=round(sum(u.wall_seconds for u in used), 6),
        gpu_seconds=round(sum(u.gpu_seconds for u in used), 6),
        peak_memory_bytes=max(u.peak_memory_bytes for u in used),
    )


def _summaries(run: Run, partitions: Sequence[Partition], folder: Path) -> list[Path]:
    """The summaries as files, their bytes checked; Lacking names the partitions whose are not to be had."""
    told = contents(p.statement_digest for p in partitions)
    lacking = [p for p in partitions if not _says(told.get(p.statement_digest, {}), run, p)]
    places = []
    for i, partition in enumerate(partitions):
        places.append(folder / f"{i:05d}")
        try:
            store.link(str(partition.summary_id), places[-1])
        except (NotFound, Refused):
            lacking.append(partition)
        except (Unreachable, OSError) as error:
            raise NotMeasured(Failure.UNAVAILABLE, f"The stored files are unavailable: {error}") from error
    if lacking:
        which = ", ".join(sorted({f"{p.dataset} {p.number + 1}" for p in lacking}))
        raise Lacking(
            [p.pk for p in lacking],
            f"What was summed up of {which} is gone, was changed or is of another release; it is done again.",
        )
    return places


def _says(statement: Mapping[str, Any], run: Run, partition: Partition) -> bool:
    """Whether a genuine statement says that these are the summaries of these parts for this run."""
    said = statement.get("predicate", {})
    wanted = {
        "run": str(run.pk),
        "dataset": partition.dataset,
        "parts": partition.parts,
        "summary": partition.summary_id,
        "engine": ENGINE_VERSION,
    }
    return statement.get("predicateType") == STATEMENT and all(said.get(k) == v for k, v in wanted.items())


def _lay_out_rest(run: Run, away: set[str], folder: Path) -> Path:
    """The manifest, the artifact and every data set that is not in partitions."""
    manifest, files = files_of(run.version)
    below = tuple(f"data/{name}/" for name in away)
    return put_down(folder, manifest, {p: d for p, d in files.items() if not p.startswith(below)})


@contextmanager
def _folder(name: str, fence: int) -> Iterator[Path]:
    """A folder of this attempt; those that a killed worker left are removed."""
    root = Path(settings.STATE) / "files" / "runs"
    for left in root.glob(f"{name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = root / f"{name}-{fence}"
    try:
        folder.mkdir(parents=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
