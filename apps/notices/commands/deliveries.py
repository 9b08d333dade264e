"""Deliveries: sent by whoever holds the lease, tried again by schedule, given up and sent once more."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.access.models import Person
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.engine.canonical import canonical, rfc3339
from apps.notices import guards, hints, letters, queries
from apps.notices.models import Attempt, Delivery, Endpoint
from apps.notices.reach import sees
from apps.notices.sending import Came, next_pause, send
from apps.notices.states import (
    CIRCUIT,
    CIRCUIT_FIRST,
    CIRCUIT_LONGEST,
    LEASE,
    Channel,
)
from apps.notices.wording import TYPE

MOST_HINTS = 100
HINTED_AGAIN = timedelta(seconds=30)
Send = Callable[[Delivery, Endpoint, datetime], Came]
log = logging.getLogger(__name__)


def send_delivery_hints(*, by: Acting, now: datetime | None = None) -> int:
    """Tell workers of what is due; a message that is lost is sent again."""
    at = now or timezone.now()
    told = Q(hinted_at=None) | Q(hinted_at__lte=at - HINTED_AGAIN) | Q(hinted_at__lt=F("due_at"))
    keys = list(queries.due_deliveries(at).filter(told).values_list("pk", flat=True)[:MOST_HINTS])
    sent = [key for key in keys if hints.send(key)]
    Delivery.objects.filter(pk__in=sent).update(hinted_at=at)
    return len(sent)


def deliver(
    *, by: Acting, delivery_id: UUID, now: datetime | None = None, send: Send = send
) -> Delivery | None:
    """Send one delivery if it is due and nobody sends it; None where there is nothing to do."""
    at = now or timezone.now()
    held = _claimed(delivery_id, at)
    if held is None:
        return None
    came = _hidden(held) or (
        send(held, held.endpoint, at) if held.endpoint is not None else letters.post(held)
    )
    return _settled(by, held, came, at)


@transaction.atomic
def _claimed(delivery_id: UUID, at: datetime) -> Delivery | None:
    rows = Delivery.objects.select_for_update(of=("self",), skip_locked=True)
    due = queries.due_deliveries(at).filter(pk=delivery_id).values("pk")
    row = rows.select_related("endpoint__owner", "person").filter(pk__in=due).first()
    if row is None or not _probing(row.endpoint, at):
        return None
    row.attempts, row.lease_until = row.attempts + 1, at + LEASE
    Delivery.objects.filter(pk=row.pk).update(attempts=row.attempts, lease_until=row.lease_until)
    return row


def _probing(endpoint: Endpoint | None, at: datetime) -> bool:
    """Whether it may be tried: where the circuit was open, by one at a time."""
    if endpoint is None or endpoint.failures < CIRCUIT:
        return True
    free = Q(open_until=None) | Q(open_until__lte=at)
    return bool(Endpoint.objects.filter(free, pk=endpoint.pk).update(open_until=at + LEASE))


def _hidden(held: Delivery) -> Came | None:
    """A final no where the owner may not see any more what this tells of."""
    endpoint = held.endpoint
    if endpoint is None or held.about.startswith("trial:") or sees(endpoint.owner, held.model_key):
        return None
    return Came(False, f"{endpoint.owner.username} may not see this any more.", final=True)


@transaction.atomic
def _settled(by: Acting, held: Delivery, came: Came, at: datetime) -> Delivery | None:
    """Write down what came of it, unless somebody else holds the lease since."""
    mine = Delivery.objects.filter(pk=held.pk, attempts=held.attempts, lease_until=held.lease_until)
    pause = None if came.final or came.gone else next_pause(held.attempts - held.since_replay, came.after)
    held.due_at = None if came.delivered or pause is None else at + pause
    held.delivered_at = at if came.delivered else None
    held.dead_at = at if not came.delivered and pause is None else None
    changed = {"due_at": held.due_at, "delivered_at": held.delivered_at, "dead_at": held.dead_at}
    if not mine.update(lease_until=None, **changed):
        log.warning("the delivery %s was taken up by somebody else meanwhile", held.pk)
        return None
    Attempt.objects.create(
        delivery=held, number=held.attempts, at=at, status=came.status, said=came.said[:300]
    )
    if held.endpoint is not None and not came.final:
        _judge(by, held.endpoint, came, at)
    if held.dead_at is not None:
        after = {"attempts": held.attempts, "status": came.status}
        audit.record(by=by, action=EventName.DELIVERY_DEAD, subject=held, after=after, reason=came.said[:300])
    return held


def _judge(by: Acting, endpoint: Endpoint, came: Came, at: datetime) -> None:
    """Count failures in a row; open the circuit, close it, or stop an endpoint that is gone."""
    rows = Endpoint.objects.filter(pk=endpoint.pk)
    if came.delivered:
        rows.update(failures=0, open_until=None)
        return
    held = Endpoint.objects.select_for_update(of=("self",)).get(pk=endpoint.pk)
    failures = held.failures + 1
    rows.update(failures=failures, open_until=at + open_for(failures) if failures >= CIRCUIT else None)
    if came.gone and held.stopped_at is None:
        rows.update(stopped_at=at, stopped_why=came.said)
        audit.record(by=by, action=EventName.ENDPOINT_STOPPED, subject=held, reason=came.said)


def open_for(failures: int) -> timedelta:
    """How long nothing is tried after so many failures in a row."""
    doubled: int = 1 << min(failures - CIRCUIT, 10)
    return min(CIRCUIT_FIRST * doubled, CIRCUIT_LONGEST)


@transaction.atomic
def send_trial(*, by: Person, endpoint: Endpoint) -> Delivery:
    """Send an event that tells of nothing, to see whether it arrives."""
    if by.pk != endpoint.owner_id or by.token is not None:
        guards.manages(by)
    guards.working(endpoint)
    now, key = timezone.now(), uuid4()
    body = {
        "specversion": "1.0",
        "id": str(key),
        "source": settings.BASE_URL,
        "type": f"{TYPE}.trial.v1",
        "subject": f"endpoint/{endpoint.pk}",
        "time": rfc3339(now),
        "datacontenttype": "application/json",
        "data": {
            "event": "trial",
            "object": {"type": "endpoint", "id": str(endpoint.pk), "name": endpoint.name},
            "url": f"{settings.BASE_URL}/administration/webhooks/{endpoint.pk}",
        },
    }
    made = Delivery.objects.create(
        id=key,
        channel=Channel.ENDPOINT,
        endpoint=endpoint,
        about=f"trial:{key}",
        kind="trial",
        body=canonical(body),
        made_at=now,
        due_at=now,
    )
    audit.record(by=by, action=EventName.DELIVERY_QUEUED, subject=made, after={"endpoint": str(endpoint.pk)})
    hints.send_after_commit(made.pk)
    return made


@transaction.atomic
def replay(*, by: Person, delivery: Delivery) -> Delivery:
    """Send once more what was given up or delivered: the same message under the same id."""
    guards.manages(by)
    guards.ended(delivery)
    if delivery.endpoint is not None:
        guards.working(delivery.endpoint)
    if not _again(delivery):
        raise Refused("Somebody sent this once more already.")
    before = {"delivered_at": delivery.delivered_at, "dead_at": delivery.dead_at}
    delivery.refresh_from_db()
    after = {"delivered_at": None, "dead_at": None}
    audit.record(by=by, action=EventName.DELIVERY_REPLAYED, subject=delivery, before=before, after=after)
    hints.send_after_commit(delivery.pk)
    return delivery


def _again(delivery: Delivery) -> int:
    rows = Delivery.objects.filter(pk=delivery.pk, due_at=None)
    return rows.update(
        due_at=timezone.now(), delivered_at=None, dead_at=None, since_replay=F("attempts"), hinted_at=None
    )


@transaction.atomic
def replay_all(*, by: Person, endpoint: Endpoint) -> int:
    """Send once more everything that was given up at an endpoint; how much that is."""
    guards.manages(by)
    guards.working(endpoint)
    dead = list(Delivery.objects.filter(endpoint=endpoint, dead_at__isnull=False).order_by("made_at"))
    again = [row for row in dead if _again(row)]
    if not again:
        raise Refused(f"Nothing was given up at {endpoint.name}.")
    audit.record(by=by, action=EventName.DELIVERY_REPLAYED, subject=endpoint, after={"count": len(again)})
    return len(again)
