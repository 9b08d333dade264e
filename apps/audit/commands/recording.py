from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.audit.context import current
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.audit.ids import uuid7
from apps.audit.models import Event, Personal
from apps.audit.plain import plain
from apps.audit.states import PERSONAL_TYPES, Acting, Actor, Ref, Referable
from apps.engine.canonical import canonical, rfc3339
from apps.engine.errors import BadInput

FORMAT = 1
LARGEST = 65_536

Facts = Mapping[str, Any] | str | None


def record(
    *,
    by: Acting,
    action: EventName,
    subject: Referable,
    before: Facts = None,
    after: Facts = None,
    reason: str = "",
    on_behalf_of: Acting | None = None,
) -> Event:
    """Add an event to the trail, in the transaction of whatever it tells of.

    `before` and `after` hold what changed, or the digest of it: states, tiers, digests, amounts. They
    can never be erased, so nothing personal goes there; names of people are kept apart by themselves.
    """
    entry = _Entry.begin(by=by, about=subject.audit_ref(), on_behalf_of=on_behalf_of)
    entry.add("action", str(EventName(action)))
    entry.add("before", before)
    entry.add("after", after)
    entry.add("reason", reason.strip())
    return entry.store()


@dataclass(slots=True)
class _Hidden:
    """A personal value beside the record: the record holds the digest of salt and value."""

    part: str
    person_id: str
    salt: bytes
    value: bytes

    @classmethod
    def of(cls, part: str, person_id: str, facts: Mapping[str, str]) -> _Hidden:
        return cls(part, person_id, secrets.token_bytes(16), canonical(plain(facts)))

    def digest(self) -> str:
        return personal_digest(self.salt, self.value)


def personal_digest(salt: bytes, value: bytes) -> str:
    return "sha256:" + hashlib.sha256(salt + value).hexdigest()


class _Entry:
    def __init__(self, at: datetime) -> None:
        self.id = uuid7()
        self.at = at
        self.body: dict[str, Any] = {"v": FORMAT, "id": str(self.id), "ts": rfc3339(at)}
        self.hidden: list[_Hidden] = []

    @classmethod
    def begin(cls, *, by: Acting, about: Ref, on_behalf_of: Acting | None) -> _Entry:
        context = current()
        entry = cls(timezone.now())
        entry.add("request_id", context.request_id)
        entry.body["actor"] = entry._actor("actor", by.audit_identity(), ip=context.ip)
        if context.auth():
            entry.body["actor"]["auth"] = context.auth()
        if on_behalf_of is not None:
            entry.body["on_behalf_of"] = entry._actor("on_behalf_of", on_behalf_of.audit_identity())
        entry.body["object"] = entry._object(about)
        return entry

    def add(self, name: str, value: Any) -> None:
        if value is not None and value != "":
            self.body[name] = plain(value, what=name)

    def _actor(self, part: str, actor: Actor, *, ip: str = "") -> dict[str, Any]:
        told = {"type": actor.type, "id": actor.id}
        facts = {"name": actor.name} | ({"ip": ip} if ip else {})
        if actor.type in PERSONAL_TYPES:
            self.hidden.append(_Hidden.of(part, actor.id, facts))
            return told
        return plain(told | facts, what=part)  # type: ignore[no-any-return]

    def _object(self, about: Ref) -> dict[str, Any]:
        told = {"type": about.type, "id": about.id} | ({"digest": about.digest} if about.digest else {})
        if about.type in PERSONAL_TYPES:
            owner = about.id if about.type == "person" else f"{about.type}:{about.id}"
            self.hidden.append(_Hidden.of("object", owner, {"name": about.name}))
            return told
        return plain(told | {"name": about.name}, what="object")  # type: ignore[no-any-return]

    def store(self) -> Event:
        if self.hidden:
            self.body["pii"] = {h.part: h.digest() for h in self.hidden}
        event = self._event()
        with transaction.atomic(savepoint=False):
            event.save(force_insert=True)
            Personal.objects.bulk_create(
                Personal(event=event, part=h.part, person_id=h.person_id, salt=h.salt, value=h.value)
                for h in self.hidden
            )
        return event

    def _event(self) -> Event:
        try:
            body = canonical(self.body)
        except BadInput as error:
            raise Invalid(str(error)) from error
        if len(body) > LARGEST:
            raise Invalid(f"The event takes {len(body)} bytes; an event may take {LARGEST}.")
        return Event(
            id=self.id,
            body=body,
            occurred_at=self.at,
            doc=self.body,
            action=self.body["action"],
            actor_type=self.body["actor"]["type"],
            actor_id=self.body["actor"]["id"],
            object_type=self.body["object"]["type"],
            object_id=self.body["object"]["id"],
        )
