from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

from apps.audit.context import current
from apps.audit.digests import note_after_commit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.audit.ids import uuid7
from apps.audit.models import Event
from apps.audit.plain import plain
from apps.audit.planned import once_planned
from apps.audit.retrying import note_kept
from apps.audit.states import PERSONAL_TYPES, Acting, Actor, Ref, Referable
from apps.audit.stopping import as_refusal
from apps.engine.canonical import canonical, digest, rfc3339
from apps.engine.errors import BadInput

FORMAT = 2
LARGEST = 65_536
# What may stand in no record: it could neither be erased nor taken back.
NEVER = frozenset({"email", "ip", "password", "phone", "private_key", "salt", "secret"})

Facts = Mapping[str, Any] | str | None

# One statement: the event before it of the same object is read, the event and what stands beside it are
# written. It takes no lock, so of two events at the same moment both may name the same one before them.
_STORE = """
WITH previous AS (
  SELECT id::text AS id FROM audit_event
  WHERE object_type = %s AND object_id = %s ORDER BY occurred_at DESC LIMIT 1
), written AS (
  INSERT INTO audit_event (id, body, occurred_at)
  SELECT %s, %s::bytea || convert_to(coalesce('"' || (SELECT id FROM previous) || '"', 'null'), 'UTF8')
         || %s::bytea, %s
  RETURNING id, leaf_hash, recorded_at
){beside}
SELECT leaf_hash, (extract(epoch FROM recorded_at) * 1000000)::bigint, (SELECT id FROM previous) FROM written
"""
_BESIDE = """, beside AS (
  INSERT INTO audit_personal (event_id, part, person_id, salt, value)
  SELECT written.id, p.part, p.person_id, p.salt, p.value
  FROM written, (VALUES {rows}) AS p (part, person_id, salt, value)
)"""
_ROW = "(%s::text, %s::text, %s::bytea, %s::bytea)"
_PREVIOUS = "prev_object_event"
_NAMED, _UUID = b',"prev_object_event":', 38
_COLUMNS = [field.attname for field in Event._meta.concrete_fields]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def record(
    *,
    by: Acting,
    action: EventName,
    subject: Referable,
    before: Facts = None,
    after: Facts = None,
    reason: str = "",
    on_behalf_of: Acting | None = None,
    policies: Sequence[str] = (),
) -> Event:
    """Add an event to the trail, in the transaction of whatever it tells of.

    `before` and `after` hold what changed, field by field, or the digest of it: states, tiers, digests,
    amounts. They can never be erased, so nothing personal goes there; names of people are kept apart by
    themselves. `policies` are the digests of the policies that decided.
    """
    entry = _Entry.begin(by=by, about=subject.audit_ref(), on_behalf_of=on_behalf_of)
    entry.add("action", str(EventName(action)))
    entry.facts(before=before, after=after)
    entry.add("reason", reason.strip())
    if policies:
        entry.add("policies", sorted(set(policies)))
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
    def __init__(self, at: datetime, about: Ref) -> None:
        self.id = uuid7()
        self.at = at
        # Whose personal data stand beside the event where its actor is nobody.
        self.owner = about.id if about.type == "person" else ""
        self.body: dict[str, Any] = {"v": FORMAT, "id": str(self.id), "ts": rfc3339(at)}
        self.hidden: list[_Hidden] = []

    @classmethod
    def begin(cls, *, by: Acting, about: Ref, on_behalf_of: Acting | None) -> _Entry:
        context = current()
        entry = cls(timezone.now(), about)
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
        if ip and actor.type == "system":  # it acts for whoever asks: the address is theirs
            self.hidden.append(_Hidden.of("ip", self.owner, {"ip": facts.pop("ip")}))
        return plain(told | facts, what=part)  # type: ignore[no-any-return]

    def _object(self, about: Ref) -> dict[str, Any]:
        told = {"type": about.type, "id": about.id} | ({"digest": about.digest} if about.digest else {})
        if about.type in PERSONAL_TYPES:
            owner = about.id if about.type == "person" else f"{about.type}:{about.id}"
            self.hidden.append(_Hidden.of("object", owner, {"name": about.name}))
            return told
        return plain(told | {"name": about.name}, what="object")  # type: ignore[no-any-return]

    def facts(self, *, before: Facts, after: Facts) -> None:
        """What changed, and the digests of it as it was and as it is."""
        digests: dict[str, str] = {}
        for name, given in (("before", before), ("after", after)):
            self.add(name, given)
            if name in self.body:
                _refuse_secrets(self.body[name])
                digests[name] = _digest(name, self.body[name])
        if digests:
            self.body["digests"] = digests

    def store(self) -> Event:
        if self.hidden:
            self.body["pii"] = {h.part: h.digest() for h in self.hidden}
        head, tail = self._around_previous()
        rows = ", ".join(_ROW for _ in self.hidden)
        about = self.body["object"]
        values: list[Any] = [about["type"], about["id"], self.id, head, tail, self.at]
        for h in self.hidden:
            values += [h.part, h.person_id, h.salt, h.value]
        try:
            stored = once_planned(_STORE.format(beside=_BESIDE.format(rows=rows) if rows else ""), values)
        except DatabaseError as error:
            raise as_refusal(error) from error
        leaf, recorded, previous = stored
        named = b"null" if previous is None else f'"{previous}"'.encode()
        found = self._event(head + named + tail, leaf, _EPOCH + timedelta(microseconds=recorded), previous)
        note_kept()
        note_after_commit(self.body["id"], leaf, self.body["ts"])
        return found

    def _around_previous(self) -> tuple[bytes, bytes]:
        """The canonical bytes before and after the name of the event before, which the database fills in."""
        first = {name: value for name, value in self.body.items() if name < _PREVIOUS}
        rest = {name: value for name, value in self.body.items() if name > _PREVIOUS}
        try:
            head, tail = canonical(first)[:-1] + _NAMED, b"," + canonical(rest)[1:]
        except BadInput as error:
            raise Invalid(str(error)) from error
        size = len(head) + _UUID + len(tail)
        if size > LARGEST:
            raise Invalid(f"The event takes {size} bytes; an event may take {LARGEST}.")
        return head, tail

    def _event(self, body: bytes, leaf: bytes, recorded: datetime, previous: str | None) -> Event:
        told, actor, about = self.body, self.body["actor"], self.body["object"]
        doc = {**told, _PREVIOUS: previous}
        texts = (told["action"], actor["type"], actor["id"], about["type"], about["id"])
        values = (self.id, body, leaf, self.at, recorded, doc, *texts)
        return Event.from_db(connection.alias, _COLUMNS, values)


def _digest(name: str, facts: Any) -> str:
    """The digest of facts; facts that are given as a digest are their own."""
    if isinstance(facts, str):
        return facts
    try:
        named = canonical({name: facts})
    except BadInput as error:
        raise Invalid(str(error)) from error
    return digest(named[len(name) + 4 : -1])  # the facts alone: {"name":…}


def _refuse_secrets(facts: Any) -> None:
    if isinstance(facts, Mapping):
        for name, value in facts.items():
            if name.lower() in NEVER:
                raise Invalid(f'"{name}" has no place in a record: it could never be erased.', field=name)
            _refuse_secrets(value)
    elif isinstance(facts, list):
        for value in facts:
            _refuse_secrets(value)
