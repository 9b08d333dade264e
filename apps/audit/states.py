"""Who acted and on what: the two values that every event carries."""

from __future__ import annotations

from dataclasses import dataclass


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


def system(name: str) -> Actor:
    """A part of the service that acts by itself, such as the relay."""
    return Actor(type="system", id=name, name=name)
