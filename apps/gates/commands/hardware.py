"""A person's yes or no to what a run is computed on."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.gates import guards, hints
from apps.gates.clock import database_now
from apps.gates.commands.leases import hold
from apps.gates.commands.partition_leases import release
from apps.gates.hardware import CONSENT
from apps.gates.models import HardwareConsent, Run
from apps.gates.states import PartitionState, RunState, WaitsFor


@transaction.atomic
def consent_hardware(*, by: Person, run: Run, granted: bool, reason: str) -> HardwareConsent:
    """Approve or refuse the hardware that a waiting run needs; a refused run is cancelled."""
    require(by, Permission.RUN_HARDWARE, run.version.model)
    why = guards.said(reason, "reason")
    held = hold(run.pk) or run
    guards.waits_for_consent(held)
    guards.another_than(held.requested_by, by)
    row = _sealed(by, held, granted=granted, reason=why)
    if granted:
        _go_on(by, held)
    else:
        told = f"The use of {held.hardware} was refused: {why}"
        audit.move(
            held,
            RunState.CANCELLED,
            by=by,
            event=EventName.RUN_CANCELLED,
            reason=told,
            cause=told,
            finished_at=database_now(),
        )
    return row


def _sealed(by: Person, run: Run, *, granted: bool, reason: str) -> HardwareConsent:
    version = run.version
    statement = audit.seal(
        by=by,
        predicate_type=CONSENT,
        subjects=[Ref("version", str(version.pk), str(version), version.digest)],
        predicate={
            "run": run.pk,
            "pins": run.pins,
            "hardware": run.hardware,
            "granted": granted,
            "reason": reason,
            "by": str(by.pk),
        },
        event=EventName.HARDWARE_APPROVED if granted else EventName.HARDWARE_REFUSED,
        about=run,
        reason=reason,
    )
    return HardwareConsent.objects.create(
        run=run,
        hardware=run.hardware,
        granted=granted,
        reason=reason,
        given_by=by,
        statement_digest=statement.digest,
    )


def _go_on(by: Person, run: Run) -> None:
    """The run waits for its partitions, where it has any; else only for its turn."""
    left = run.partitions.exclude(state=PartitionState.MEASURED)
    if not left.exists():
        release(by=by, run=run)
        return
    run.waits_for = WaitsFor.PARTITIONS
    run.save(update_fields=["waits_for"])
    for row in left:
        transaction.on_commit(partial(hints.send_partition, row.pk, row.lane))
