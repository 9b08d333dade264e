"""Who works on a conversion: claim, end, set back, take back; and the messages that it waits.

Leased as a run is, but for so long at once as its children may take: nobody has to keep the lease, and a
lost worker is noticed after ten minutes.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import Q

from apps.audit import commands as audit
from apps.audit.clocks import database_now
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.engine.conversion_run import LIMITS
from apps.inventory.models import Conversion, ConversionJob
from apps.inventory.states import ConversionState

TASK, LANE = "apps.inventory.tasks.convert", "heavy"
# Three children in turn, and time to fetch and keep the bytes.
LEASE = timedelta(seconds=3 * LIMITS.wall_s + 60)
MOST_LOST = 3
TOLD = timedelta(seconds=20)
log = logging.getLogger(__name__)


class NotMine(Exception):
    """Somebody else works on it by now, or it has ended."""


def _hold(job_id: UUID) -> ConversionJob | None:
    rows = ConversionJob.objects.select_for_update(of=("self",))
    return rows.select_related("opening__given", "asked_by").filter(pk=job_id).first()


@transaction.atomic
def claim_conversion(*, by: Acting, job_id: UUID, owner: str) -> ConversionJob | None:
    """Take a conversion that waits; None where there is nothing to take."""
    job = _hold(job_id)
    if job is None or job.state != ConversionState.QUEUED:
        return None
    now = database_now()
    return audit.move(
        job,
        ConversionState.RUNNING,
        by=by,
        event=EventName.CONVERSION_BEGUN,
        fence=job.fence + 1,
        owner=owner,
        lease_until=now + LEASE,
        started_at=now,
        cause="",
    )


def still_mine(job: ConversionJob) -> ConversionJob:
    """The row, locked; NotMine where somebody else took it."""
    held = _hold(job.pk)
    if held is None or held.fence != job.fence or held.state != ConversionState.RUNNING:
        raise NotMine(f"it is no longer held under fence {job.fence}")
    return held


def end_conversion(*, by: Acting, job: ConversionJob, conversion: Conversion) -> ConversionJob:
    """It is done; the row is held."""
    return _end(
        job,
        ConversionState.CONVERTED,
        by=by,
        event=EventName.CONVERSION_CONVERTED,
        conversion_id=conversion.pk,
    )


@transaction.atomic
def refuse_conversion(*, by: Acting, job: ConversionJob, why: str) -> ConversionJob:
    """Nothing comes of it; the opening stays open, until its time, for another try."""
    held = still_mine(job)
    event = EventName.CONVERSION_REFUSED
    return _end(held, ConversionState.REFUSED, by=by, event=event, reason=why, cause=why)


def _end(
    job: ConversionJob, to: ConversionState, *, by: Acting, event: EventName, **changes: Any
) -> ConversionJob:
    where = {"fence": job.fence}
    ended = database_now()
    return audit.move(
        job, to, by=by, event=event, where=where, lease_until=None, finished_at=ended, **changes
    )


@transaction.atomic
def set_back(*, by: Acting, job: ConversionJob, why: str, counts: bool = True) -> ConversionJob:
    """It waits again, as what stopped it was not the file; refused where that happened too often."""
    held = still_mine(job)
    lost = held.lost + counts
    if lost >= MOST_LOST:
        return refuse_conversion(by=by, job=held, why=f"{why} It was tried {lost} times.")
    return audit.move(
        held,
        ConversionState.QUEUED,
        by=by,
        event=EventName.CONVERSION_RETURNED,
        reason=why,
        where={"fence": held.fence},
        lease_until=None,
        published_at=database_now(),
        lost=lost,
        cause=why,
    )


def give_back_conversions(*, by: Acting, owner: str) -> int:
    """The conversions of a worker that is shut down wait again at once; it counts as no loss."""
    held = ConversionJob.objects.filter(state=ConversionState.RUNNING, owner__startswith=f"{owner}:")
    told = f"The worker {owner} is shut down."
    return sum(_returned(by=by, job=job, why=told, counts=False) for job in held)


def _returned(*, by: Acting, job: ConversionJob, why: str, counts: bool) -> bool:
    try:
        set_back(by=by, job=job, why=why, counts=counts)
    except NotMine:
        return False  # it ended at this very moment
    return True


# The relay's part ---------------------------------------------------------------------------------------


def mind_conversions(*, by: Acting) -> int:
    """Take back those whose worker is gone, and tell the workers again of those that wait; how many."""
    now = database_now()
    late = ConversionJob.objects.filter(state=ConversionState.RUNNING, lease_until__lt=now)
    taken = sum(
        _returned(by=by, job=job, why=f"Its worker {job.owner} was lost.", counts=True) for job in late
    )
    silent = Q(published_at__isnull=True) | Q(published_at__lt=now - TOLD)
    for job in ConversionJob.objects.filter(silent, state=ConversionState.QUEUED).order_by("asked_at"):
        if not _send(job.pk):
            break  # the broker is away: the next turn tries again
        ConversionJob.objects.filter(pk=job.pk, state=ConversionState.QUEUED).update(published_at=now)
    return taken


def send_after_commit(job: ConversionJob) -> None:
    transaction.on_commit(partial(_send, job.pk))


def _send(job_id: UUID) -> bool:
    try:
        current_app.send_task(TASK, args=[str(job_id)], queue=LANE, retry=False, ignore_result=True)
    except Exception as error:  # every broker has its own; the relay is the guarantee
        log.warning("conversion %s waits for the relay: the broker took no message (%s)", job_id, error)
        return False
    return True
