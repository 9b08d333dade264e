"""Asking for a run: everything that it rests on is pinned by digest on the day of the request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.plain import plain
from apps.audit.states import Acting
from apps.audit.tracing import about_run
from apps.costs.commands import quote_run
from apps.costs.states import Outcome
from apps.engine.canonical import canonical, digest
from apps.engine.policy import Policy, gates_for
from apps.engine.version import ENGINE_VERSION
from apps.gates import guards, hints, queries
from apps.gates.clock import database_now
from apps.gates.commands.leases import hold
from apps.gates.commands.partitions import divide, revive
from apps.gates.commands.spending import affordable, charge
from apps.gates.dividing import NEVER
from apps.gates.hardware import dear, estimate, lane_of
from apps.gates.models import Run, Schedule
from apps.gates.progress import Tally
from apps.gates.states import ENDED, Purpose, RunState, WaitsFor
from apps.inventory.models import ModelVersion, Use
from apps.inventory.sealed import sealed_fields


@transaction.atomic
def request_run(
    *,
    by: Person,
    version: ModelVersion,
    use: Use,
    purpose: str = Purpose.APPROVAL,
    dataset: str = "",
    due: datetime | None = None,
    key: str | None = None,
) -> Run:
    """Ask for one evaluation of all gates that apply, to be there at a due time if one is named.

    The same request while its run has not ended gives that run; so does the same `key`, for ever.
    """
    require(by, Permission.RUN_REQUEST, version.model)
    guards.use_of(version, use)
    why = guards.purpose_of(purpose)
    guards.dataset_of(version, dataset, why)
    run = Run(version=version, use=use, purpose=why, dataset=dataset, requested_by=by)
    run.due_at = guards.due_of(due, database_now())
    # A caller's key may be as long as they like, and is theirs alone.
    run.key = "key:" + digest(f"{by.pk}:{key}".encode()) if key else ""
    return _store(run, actor=by)


@transaction.atomic
def request_scheduled(*, by: Acting, schedule: Schedule) -> Run:
    """Ask for the run that the calendar owes; once for each time it fell due."""
    guards.running(schedule)
    guards.use_of(schedule.version, schedule.use)
    run = Run(
        version=schedule.version,
        use=schedule.use,
        purpose=Purpose.MONITORING,
        dataset=schedule.dataset,
        schedule=schedule,
        # It must be there before the next one falls due.
        due_at=schedule.next_due + timedelta(days=schedule.every_days),
        requested_by=schedule.set_by,
        key=f"schedule:{schedule.pk}:{schedule.next_due:%Y-%m-%dT%H:%M:%S}",
    )
    return _store(run, actor=by)


def _store(run: Run, *, actor: Acting) -> Run:
    policies = _pin(run)
    found = _known(run)
    if found is not None:
        return found
    _plan(run, policies)
    try:
        with about_run(run.pk, "run.request", purpose=str(run.purpose)), transaction.atomic():
            return _create(run, actor=actor)
    except IntegrityError:
        rival = _known(run)
        if rival is None:
            raise
        return rival


def _pin(run: Run) -> list[Policy]:
    """Name by digest what the run rests on; the policies in force now."""
    version = run.version
    sealed = sealed_fields(version, run.use)
    fields = plain(sealed.fields)
    policies = queries.policies_in_force(database_now(), fields)
    run.pinned = {
        "engine": ENGINE_VERSION,
        "version": version.digest,
        "artifact": version.artifact_id,
        "datasets": dict(version.datasets.order_by("name").values_list("name", "digest")),
        "policies": [p.named() for p in policies],
        "fields": fields,
        # The statements of the tier and of each regime's scope, which the fields go by.
        "rests_on": list(sealed.statements),
        "use": run.use.key,
        "purpose": str(run.purpose),
        "dataset": run.dataset,
    }
    run.pins = digest(canonical(run.pinned))
    run.unit_key, run.tier = fields["model.unit"], fields["model.tier"]
    # The version's digest covers its artifact and data: the same files draw the same numbers.
    run.seed = int(version.digest.removeprefix("sha256:")[:8], 16) & 0x7FFFFFFF
    return policies


def _known(run: Run) -> Run | None:
    """The run of an earlier request with this key; without one, a run with these pins that has not ended."""
    same = Run.objects.filter(pins=run.pins)
    if run.key and not run.key.startswith("pins:"):
        earlier = Run.objects.filter(key=run.key).first()
        return earlier and guards.same_request(earlier, run)
    run.key = f"pins:{run.pins}#{same.filter(state__in=ENDED).count()}"
    return same.exclude(state__in=ENDED).first()


def _plan(run: Run, policies: Sequence[Policy]) -> None:
    gates = [g for g in gates_for(policies) if g.speaks_of(run.pinned["fields"])]
    run.gates_total = len(gates)
    run.progress = Tally.rows(gates)
    takes = estimate(run.version, gates)
    run.hardware, run.memory_bytes, run.memory_check = takes.hardware, takes.memory, takes.check
    rows = max(run.version.datasets.values_list("rows", flat=True), default=0)
    run.lane = lane_of(run.hardware, rows)
    if dear(run.hardware, policies):
        run.waits_for, run.not_before = WaitsFor.CONSENT, NEVER
    run.expected_seconds = queries.expected_seconds(run.version, run.use)


def _create(run: Run, *, actor: Acting) -> Run:
    # The message goes out after the commit; where none arrives the relay sends another.
    run.published_at, run.hints = database_now(), 1
    run.save(force_insert=True)
    audit.record(
        by=actor,
        action=EventName.RUN_REQUESTED,
        subject=run,
        after={
            "version": run.pinned["version"],
            "use": run.pinned["use"],
            "purpose": run.purpose,
            "pins": run.pins,
            "policies": [p["digest"] for p in run.pinned["policies"]],
        },
        on_behalf_of=None if actor is run.requested_by else run.requested_by,
    )
    quote_run(by=actor, run=run)
    divide(by=actor, run=run, gates=gates_for(queries.pinned_policies(run)))
    if not run.waits_for and affordable(run, by=actor, now=database_now(), begins=False):
        hints.send_after_commit(run.pk, run.lane)
    return run


@transaction.atomic
def cancel(*, by: Person, run: Run, reason: str = "") -> Run:
    """Take back a run that waits or is at work; its worker stops within seconds and writes nothing."""
    require(by, Permission.RUN_REQUEST, run.version.model)
    held = _held(run)
    guards.cancellable(held)
    charge(held, by=by, outcome=Outcome.CANCELLED, until=database_now())
    return audit.move(
        held,
        RunState.CANCELLED,
        by=by,
        event=EventName.RUN_CANCELLED,
        reason=reason,
        finished_at=database_now(),
        lease_until=None,
    )


@transaction.atomic
def requeue(*, by: Person, run: Run, reason: str) -> Run:
    """Give a dead run another life; its counters begin again."""
    require(by, Permission.RUN_REQUEUE, run.version.model)
    held = _held(run)
    guards.requeueable(held)
    moved = audit.move(
        held,
        RunState.QUEUED,
        by=by,
        event=EventName.RUN_REQUEUED,
        reason=guards.said(reason, "reason"),
        attempt=0,
        lost=0,
        finished_at=None,
        not_before=None,
        published_at=database_now(),
        hints=1,
    )
    if not revive(by=by, run=moved):
        hints.send_after_commit(moved.pk, moved.lane)
    return moved


def _held(run: Run) -> Run:
    """The row as it is now, locked, whatever the caller remembered."""
    return hold(run.pk) or run
