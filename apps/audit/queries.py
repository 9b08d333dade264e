"""What the log says: events with their names, proofs, checkpoints, statements, public keys."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Min, QuerySet
from django.utils import timezone

from apps.audit import keyring
from apps.audit.errors import NotFound
from apps.audit.models import Checkpoint, Cosignature, Event, Leaf, Pending, Personal, SigningKey, Statement
from apps.audit.states import Referable
from apps.audit.tree import stored_node
from apps.engine.cosignature import cosigned
from apps.engine.keys import KeySet
from apps.engine.merkle import consistency_proof, inclusion_proof
from apps.engine.note import LogProof
from apps.engine.statement import verify

ERASED = "(erased)"
_MOST_LINES = 16  # of witnesses over one checkpoint


def events_about(subject: Referable) -> QuerySet[Event]:
    """The trail of one thing, newest first."""
    ref = subject.audit_ref()
    return Event.objects.filter(object_type=ref.type, object_id=ref.id)


def events(
    *,
    action: str = "",
    actor_id: str = "",
    object_type: str = "",
    object_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Event]:
    """Events, newest first, narrowed by what is given."""
    wanted: dict[str, Any] = {
        "action": action,
        "actor_id": actor_id,
        "object_type": object_type,
        "object_id": object_id,
        "occurred_at__gte": since,
        "occurred_at__lt": until,
    }
    return Event.objects.filter(**{k: v for k, v in wanted.items() if v})


def event(event_id: UUID | str) -> Event:
    found = Event.objects.filter(pk=event_id).first()
    if found is None:
        raise NotFound(f"There is no event {event_id}.")
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """An event as a person reads it: names filled in where they were not erased, and its index."""

    event: Event
    actor: str
    on_behalf_of: str
    object: str
    ip: str
    index: int | None

    @property
    def doc(self) -> Mapping[str, Any]:
        return self.event.doc or {}


def told(found: Iterable[Event]) -> list[Told]:
    """Events with the names that stand beside the record; two statements for any number of events."""
    page = list(found)
    ids = [e.pk for e in page]
    beside = {
        (p.event_id, p.part): json.loads(bytes(p.value)) for p in Personal.objects.filter(event__in=ids)
    }
    indexes = dict(Leaf.objects.filter(event__in=ids).values_list("event_id", "idx"))
    return [_told(e, beside, indexes.get(e.pk)) for e in page]


def _told(event: Event, beside: Mapping[tuple[UUID, str], Mapping[str, str]], index: int | None) -> Told:
    doc = event.doc or {}

    def named(part: str) -> str:
        if part in doc.get("pii", {}):
            return beside.get((event.pk, part), {}).get("name", ERASED)
        return str(doc.get(part, {}).get("name", ""))

    kept = (beside.get((event.pk, part), {}).get("ip", "") for part in ("actor", "ip"))
    address = next(filter(None, kept), "")
    return Told(
        event=event,
        actor=named("actor"),
        on_behalf_of=named("on_behalf_of"),
        object=named("object"),
        ip=address or doc.get("actor", {}).get("ip", ""),
        index=index,
    )


def latest_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-size").first()


def witnessed_checkpoint(covering: int = 0) -> tuple[Checkpoint, bytes] | None:
    """The newest checkpoint over more than so many events that a witness cosigned, with its lines.

    Where no witness has yet, the newest one that the log alone signed.
    """
    lines = list(Cosignature.objects.filter(size__gt=covering).order_by("-size", "witness")[:_MOST_LINES])
    signed = Checkpoint.objects.filter(size=lines[0].size).first() if lines else None
    found = signed or latest_checkpoint()
    if found is None or found.size <= covering:
        return None
    note = bytes(found.note)
    mine = [row.line for row in lines if (row.size, row.origin) == (found.size, _origin(note))]
    return found, cosigned(note, mine)


def _origin(note: bytes) -> str:
    return note.partition(b"\n")[0].decode()


def inclusion(event_id: UUID | str) -> LogProof | None:
    """That an event stands in the log, under the newest witnessed checkpoint; None while it is waiting."""
    found = event(event_id)
    leaf = Leaf.objects.filter(event=found).first()
    under = witnessed_checkpoint(leaf.idx) if leaf is not None else None
    if leaf is None or under is None:
        return None
    newest, note = under
    hashes = inclusion_proof(leaf.idx, newest.size, stored_node)
    return LogProof(leaf.idx, tuple(hashes), note, extra=bytes(found.body))


def wait_for_inclusion(event_id: UUID | str, *, seconds: float = 2.0) -> LogProof | None:
    """The proof of an event once it has one; None when the wait was too short. Never within a transaction."""
    end = time.monotonic() + seconds
    while (proof := inclusion(event_id)) is None and time.monotonic() < end:
        time.sleep(0.05)
    return proof


def consistency(old: int, new: int) -> list[bytes]:
    """The hashes that show the log of `old` events unchanged in the log of `new` events."""
    return consistency_proof(old, new, stored_node)


def keys() -> KeySet:
    """The keys that count: registered by the service itself, as a note outside the database says.

    What is published and what the gate trusts are the same: a row of the database alone makes no key.
    """
    own = keyring.remembered()
    return KeySet(tuple(record for record in registered_keys() if record.key_id in own))


def registered_keys() -> KeySet:
    """Every key that the database names, whoever wrote the row."""
    rows = SigningKey.objects.order_by("valid_from", "key_id").prefetch_related("ends")
    return KeySet(tuple(row.record() for row in rows))


def strange_keys() -> list[str]:
    """Keys that the database names and the service never registered: somebody wrote the row."""
    own = keyring.remembered()
    return [record.key_id for record in registered_keys() if record.key_id not in own]


def signed_since(key_id: str, moment: datetime) -> int:
    """How many statements under a key the log holds only from this moment on."""
    rows = Statement.objects.filter(key_id=key_id)
    return rows.filter(event__recorded_at__gte=moment).count()


def statement(digest: str) -> Statement:
    found = Statement.objects.select_related("event").filter(pk=digest).first()
    if found is None:
        raise NotFound(f"There is no statement {digest}.")
    return found


def envelope(found: Statement) -> dict[str, Any]:
    """The signed envelope as JSON, the form in which a statement leaves the service."""
    return json.loads(bytes(found.envelope))  # type: ignore[no-any-return]


def read_statement(digest: str, *, trusted: KeySet | None = None) -> dict[str, Any]:
    """The content of a statement, after its signature was checked; NotGenuine when it does not hold."""
    found = statement(digest)
    logged = found.event.recorded_at or found.event.occurred_at
    return verify(envelope(found), trusted or keys(), logged_at=logged)


@dataclass(frozen=True, slots=True)
class LogHealth:
    """How far the log is behind what happened."""

    pending: int
    waiting_since: datetime | None
    checkpoint_at: datetime | None

    @property
    def behind(self) -> timedelta:
        return timezone.now() - self.waiting_since if self.waiting_since else timedelta(0)


def health() -> LogHealth:
    newest = latest_checkpoint()
    oldest = Pending.objects.aggregate(oldest=Min("event__recorded_at"))["oldest"]
    return LogHealth(Pending.objects.count(), oldest, newest.at if newest else None)
