"""Partitions summed up elsewhere: the same lease, the same bytes, but nobody here saw it done.

Whoever may ask for runs of a model takes a partition, keeps its lease and hands in what a job of their own
(Spark, Ray, Dask, or this engine on another machine) summed up. What rests on it is called supplied.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit.errors import Invalid, NotFound, Refused
from apps.engine.child import in_child
from apps.gates import queries
from apps.gates.commands.leasing import Fenced
from apps.gates.commands.partition_leases import beat_partition, claim_partition
from apps.gates.commands.partitions import finish_partition, gates_of
from apps.gates.measuring import run_limits
from apps.gates.models import Partition, Run
from apps.gates.states import ELSEWHERE, PartitionState
from apps.gates.summing import Summed
from apps.inventory import store
from apps.inventory.queries import has_blob


def take_partition(*, by: Person, run: Run) -> Partition | None:
    """Lease the next waiting partition of a run to a job elsewhere; None where none waits."""
    require(by, Permission.RUN_REQUEST, run.version.model)
    waiting = run.partitions.filter(state=PartitionState.QUEUED).order_by("dataset", "number")
    for pk in waiting.values_list("pk", flat=True):
        taken = claim_partition(by=by, partition_id=pk, owner=f"{ELSEWHERE}{by.username}")
        if taken is not None:
            return taken
    return None


def keep_partition(*, by: Person, run: Run, partition_id: UUID, fence: int) -> Partition:
    """Keep the lease of a partition that was taken; Refused where it is gone."""
    require(by, Permission.RUN_REQUEST, run.version.model)
    held = _held(by, run, partition_id)
    if held.fence != fence or not beat_partition(partition_id=held.pk, fence=fence):
        raise Refused(f"{held} is no longer yours under the fence {fence}.", code="fenced")
    held.refresh_from_db()
    return held


def hand_in_partition(*, by: Person, run: Run, partition_id: UUID, fence: int, summary: str) -> Partition:
    """Take in what was summed up elsewhere, from bytes that this person stored; it is looked into first."""
    require(by, Permission.RUN_REQUEST, run.version.model)
    held = _held(by, run, partition_id)
    if held.fence != fence:
        raise Refused(f"{held} is no longer yours under the fence {fence}.", code="fenced")
    digest = store.plain_digest(summary)
    if not has_blob(by, digest):
        raise NotFound(f"The bytes {digest} were not uploaded by you; upload them first.", field="summary")
    summed = _looked_into(held, digest)
    try:
        with transaction.atomic():
            return finish_partition(by=by, partition=held, gates=gates_of(held.run), summed=summed)
    except Fenced as fenced:
        raise Refused(str(fenced), code="fenced") from fenced


def _held(by: Person, run: Run, partition_id: UUID) -> Partition:
    """A partition that this person took; others learn nothing of it."""
    rows = queries.leased_partitions(run).filter(pk=partition_id, owner=f"{ELSEWHERE}{by.username}")
    row = rows.first()
    if row is None:
        raise NotFound(f"There is no partition {partition_id} of this run that you hold.")
    return row


def _looked_into(partition: Partition, digest: str) -> Summed:
    """The bytes of a stranger, read in a child process: of these parts, and summaries at all."""
    scratch = Path(settings.STATE) / "inspecting"
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=scratch))
    try:
        store.link(digest, folder / "summary")
        task = {"do": "about", "manifest": str(folder), "summaries": [str(folder / "summary")]}
        answer = in_child(task, limits=run_limits())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if answer["status"] != "done":
        raise Invalid(answer["reason"], field="summary")
    _fits(partition, answer["result"])
    return Summed.elsewhere(digest, int(answer["result"]["rows"]))


def _fits(partition: Partition, found: dict[str, Any]) -> None:
    parts = {name: f"sha256:{digest}" for name, digest in found["parts"].items()}
    if (found["dataset"], parts) != (partition.dataset, partition.parts):
        raise Invalid(
            f"These are summaries of {', '.join(parts) or 'nothing'} of {found['dataset']}; "
            f"{', '.join(partition.parts)} of {partition.dataset} were taken, with the digests that the run "
            "names.",
            field="summary",
        )
