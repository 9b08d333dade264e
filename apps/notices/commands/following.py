"""Notices follow the log: what is to be told of a leaf is written together with how far was read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from apps.audit.models import Leaf, TreeState
from apps.audit.states import Acting
from apps.notices.commands.lines import note_lines
from apps.notices.models import Delivery, Endpoint, Follower
from apps.notices.people import lines_of
from apps.notices.reach import Place, place_of, sees
from apps.notices.states import Channel
from apps.notices.wording import cloud_event

BATCH = 500
log = logging.getLogger(__name__)


@transaction.atomic
def follow(*, by: Acting, now: datetime | None = None) -> int:
    """Read the next leaves of the log; how many there were. What came before the first call is not told."""
    at = now or timezone.now()
    row = _follower(at)
    leaves = list(Leaf.objects.filter(idx__gte=row.read).select_related("event").order_by("idx")[:BATCH])
    if not leaves:
        return 0
    endpoints = list(
        Endpoint.objects.filter(stopped_at=None, agreed_at__isnull=False).select_related("owner")
    )
    for leaf in leaves:
        _told(leaf.event.doc or {}, leaf.idx, endpoints, at)
    Follower.objects.filter(pk=row.pk).update(read=leaves[-1].idx + 1, at=at)
    return len(leaves)


def _follower(at: datetime) -> Follower:
    size = TreeState.objects.values_list("size", flat=True).first() or 0
    rows = Follower.objects.select_for_update()
    return rows.get_or_create(k=1, defaults={"read": size, "at": at})[0]


def _told(doc: Mapping[str, Any], index: int, endpoints: list[Endpoint], at: datetime) -> None:
    """Tell of one event. One that is not understood is named in the service's log and holds up no other."""
    try:
        with transaction.atomic():
            place = place_of(doc)
            rows = list(_deliveries(doc, index, place, endpoints, at))
            Delivery.objects.bulk_create(rows, ignore_conflicts=True)
            note_lines(lines_of(doc, place), at)
    except DatabaseError:
        raise
    except Exception:
        log.exception("nothing is told of the event at %s: it was not understood", index)


def _deliveries(
    doc: Mapping[str, Any], index: int, place: Place, endpoints: list[Endpoint], at: datetime
) -> Iterator[Delivery]:
    wanting = [e for e in endpoints if doc["action"] in e.events and _reaches(e, place)]
    body = cloud_event(doc, index=index, place=place) if wanting else b""
    for endpoint in wanting:
        if sees(endpoint.owner, place.model):
            yield Delivery(
                channel=Channel.ENDPOINT,
                endpoint=endpoint,
                about=doc["id"],
                kind=doc["action"],
                model_key=place.model,
                body=body,
                made_at=at,
                due_at=at,
            )


def _reaches(endpoint: Endpoint, place: Place) -> bool:
    """Whether the scope of an endpoint reaches a place."""
    if endpoint.model_key:
        return endpoint.model_key == place.model
    return not endpoint.unit_key or endpoint.unit_key == place.unit
