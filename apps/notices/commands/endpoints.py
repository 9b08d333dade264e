"""Endpoints: added, agreed to by whose eyes they see with, stopped, given a new secret."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from apps.access.locked import lock
from apps.access.models import Person
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.notices import guards
from apps.notices.models import Endpoint, EndpointSecret
from apps.notices.sending import locked_for
from apps.notices.signing import new_secret, shown
from apps.notices.states import ROTATION, EndpointKind


@transaction.atomic
def add_endpoint(
    *,
    by: Person,
    name: str,
    kind: str,
    address: str,
    events: Iterable[str],
    owner: Person,
    unit: str = "",
    model: str = "",
) -> tuple[Endpoint, str]:
    """Add an endpoint. The second value is its secret, shown this once; chats have none."""
    guards.manages(by)
    guards.room()
    guards.fit_owner(owner)
    called = required(name, field="name", longest=100)
    guards.name_free(called)
    asked, wanted = guards.address(address), guards.events(events)
    guards.scope(owner, unit, model)
    now = timezone.now()
    made = Endpoint(
        id=uuid4(),
        name=called,
        kind=guards.kind(kind),
        place=f"{asked.scheme}://{asked.host}:{asked.port}",
        events=wanted,
        unit_key=unit,
        model_key=model,
        owner=owner,
        added_by=by,
        added_at=now,
        agreed_at=now if owner.pk == by.pk or owner.is_service else None,
    )
    made.address = lock(asked.url.encode(), for_what=locked_for(made, "address"))
    made.save(force_insert=True)
    audit.record(by=by, action=EventName.ENDPOINT_ADDED, subject=made, after=_told(made))
    return made, _fresh(made) if made.kind == EndpointKind.WEBHOOK else ""


def _told(row: Endpoint) -> dict[str, object]:
    return {
        "kind": row.kind,
        "place": row.place,
        "events": row.events,
        "unit": row.unit_key,
        "model": row.model_key,
        "owner": str(row.owner_id),
    }


def _fresh(endpoint: Endpoint) -> str:
    made = new_secret()
    EndpointSecret.objects.create(
        endpoint=endpoint,
        locked=lock(made, for_what=locked_for(endpoint, "secret")),
        made_at=timezone.now(),
    )
    return shown(made)


@transaction.atomic
def change_endpoint(*, by: Person, endpoint: Endpoint, events: Iterable[str]) -> Endpoint:
    """Let an endpoint hear other events."""
    guards.manages(by)
    wanted, held = guards.events(events), _held(endpoint)
    if wanted == held.events:
        raise Refused(f"{held.name} hears exactly these events already.", field="events")
    before = {"events": held.events}
    Endpoint.objects.filter(pk=held.pk).update(events=wanted)
    held.events = wanted
    audit.record(
        by=by, action=EventName.ENDPOINT_CHANGED, subject=held, before=before, after={"events": wanted}
    )
    return held


@transaction.atomic
def agree_endpoint(*, by: Person, endpoint: Endpoint) -> Endpoint:
    """As its owner agree that an endpoint hears what one may see."""
    held = _held(endpoint)
    guards.agreeable(by, held)
    held.agreed_at = timezone.now()
    Endpoint.objects.filter(pk=held.pk).update(agreed_at=held.agreed_at)
    audit.record(by=by, action=EventName.ENDPOINT_AGREED, subject=held, after={"agreed_at": held.agreed_at})
    return held


@transaction.atomic
def rotate_secret(*, by: Person, endpoint: Endpoint, hours: int = int(ROTATION / timedelta(hours=1))) -> str:
    """A new secret, shown this once. The former one signs beside it for so many hours, older ones no more."""
    guards.manages(by)
    held = _held(endpoint)
    guards.signs(held)
    now = timezone.now()
    ends = now + guards.hours(hours)
    former = [row.pk for row in held.secrets.all()]
    EndpointSecret.objects.filter(pk__in=former[1:]).update(ends_at=now, locked=b"")
    EndpointSecret.objects.filter(pk__in=former[:1]).update(ends_at=ends)
    audit.record(by=by, action=EventName.ENDPOINT_ROTATED, subject=held, after={"former_ends_at": ends})
    return _fresh(held)


@transaction.atomic
def stop_endpoint(*, by: Person, endpoint: Endpoint, reason: str) -> Endpoint:
    """Send nothing more; what waits goes on waiting. Its owner may do this too."""
    if by.pk != endpoint.owner_id or by.token is not None:
        guards.manages(by)
    said, held = required(reason, field="reason", longest=300), _held(endpoint)
    if held.stopped_at is not None:
        raise Refused(f"{held.name} is stopped already.")
    held.stopped_at, held.stopped_why = timezone.now(), said
    Endpoint.objects.filter(pk=held.pk).update(stopped_at=held.stopped_at, stopped_why=said)
    audit.record(by=by, action=EventName.ENDPOINT_STOPPED, subject=held, reason=said)
    return held


@transaction.atomic
def start_endpoint(*, by: Person, endpoint: Endpoint) -> Endpoint:
    """Send again, with a closed circuit."""
    guards.manages(by)
    held = _held(endpoint)
    if held.stopped_at is None:
        raise Refused(f"{held.name} is not stopped.")
    Endpoint.objects.filter(pk=held.pk).update(stopped_at=None, stopped_why="", failures=0, open_until=None)
    held.stopped_at, held.stopped_why = None, ""
    audit.record(by=by, action=EventName.ENDPOINT_STARTED, subject=held)
    return held


def _held(endpoint: Endpoint) -> Endpoint:
    """The row as it is now, locked."""
    return Endpoint.objects.select_for_update(of=("self",)).select_related("owner").get(pk=endpoint.pk)
