"""Steps of these tests: endpoints, the log sequenced and followed, what is due sent at a given time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.access.models import Person
from apps.audit.anchors import anchor_file
from apps.audit.sequencer import Sequencer
from apps.audit.states import system
from apps.notices import commands
from apps.notices.models import Delivery, Endpoint
from apps.notices.queries import due_deliveries
from tests import factories
from tests.notices.receiver import Running

NOTICES = system("notices")
SEEN_BY_ALL = ("finding.opened",)


def endpoint(
    receiver: Running,
    path: str = "/",
    *,
    events: Iterable[str] = SEEN_BY_ALL,
    owner: Person | None = None,
    name: str = "watcher",
    kind: str = "webhook",
    **scope: str,
) -> tuple[Endpoint, str]:
    """An endpoint of a service account that sees every model, and its secret."""
    return commands.add_endpoint(
        by=factories.administrator(),
        name=name,
        kind=kind,
        address=receiver.url(path),
        events=events,
        owner=owner or factories.service("watcher"),
        **scope,
    )


def sequence() -> None:
    """Give every waiting event its index, without a checkpoint: what a test does is undone."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE cs_seq")
        while Sequencer(anchor_file()).step():
            pass
        cursor.execute("SET ROLE cs_app")


def begin() -> None:
    """Follow from here on."""
    sequence()
    commands.follow(by=NOTICES)


def followed() -> None:
    """Everything that happened since is in the log, and was read."""
    sequence()
    while commands.follow(by=NOTICES):
        pass


def only() -> Delivery:
    """The one delivery that there is."""
    return Delivery.objects.select_related("endpoint__owner").get()


def send_due(at: datetime | None = None, **how: Any) -> list[Delivery | None]:
    """Send all that is due at a time."""
    now = at or timezone.now()
    return [
        commands.deliver(by=NOTICES, delivery_id=row.pk, now=now, **how) for row in list(due_deliveries(now))
    ]


def days(count: float) -> timedelta:
    return timedelta(days=count)
