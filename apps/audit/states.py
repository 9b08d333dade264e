"""The values that every event carries: who acted, and on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

# Their name is personal: it is kept beside the record, under a salted digest, so that it can be erased.
PERSONAL_TYPES = frozenset({"person", "grant"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts: a person, a service account, or a part of the system."""

    type: str
    id: str
    name: str

    def audit_identity(self) -> Actor:
        return self


@dataclass(frozen=True, slots=True)
class Ref:
    """A thing acted upon, as text: kind, id, name and, where it has one, its digest."""

    type: str
    id: str
    name: str
    digest: str | None = None

    def audit_ref(self) -> Ref:
        return self


class Acting(Protocol):
    """Whatever may stand as `by`: a person, a service account, `system(…)`."""

    def audit_identity(self) -> Actor: ...


class Referable(Protocol):
    """Whatever an event may be about: every model says what it is."""

    def audit_ref(self) -> Ref: ...


class Movable(Referable, Protocol):
    """A row with a lifecycle: its `state` changes only along `MOVES`."""

    MOVES: Mapping[str, frozenset[str]]
    state: str


def system(name: str) -> Actor:
    """A part of the service that acts by itself, such as the relay."""
    return Actor(type="system", id=name, name=name)
