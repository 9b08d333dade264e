"""What a delivery says, in the words of this house, and what it is read with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.access.text import storable
from apps.audit.errors import Invalid, Refused

LARGEST = 1 << 20
ID = re.compile(r"[\x21-\x7e]{1,200}")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Unproved(Refused):
    """Nobody has proved that they sent this."""

    code = "unproved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What came in, as it came in; `secrets` are those that may have signed it."""

    headers: Mapping[str, str]
    raw: bytes
    secrets: Sequence[bytes]
    settings: Mapping[str, str]
    hosts: Sequence[str]
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question: which repository or project, which place, at which commit; `where` to tell the answer."""

    source: str
    place: str
    commit: str = ""
    ref: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overspent:
    """A budget elsewhere that is used up, in the words of the other side."""

    policy: str
    limit: str
    spent: str
    unit: str
    action: str = ""

    def words(self) -> str:
        return f"budget {self.policy}: {self.spent} of {self.limit} {self.unit} spent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What an event tells: `does` says which command takes its data."""

    does: str
    source: str
    key: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A delivery that was proved and read."""

    delivery: str
    what: str
    outcome: str
    asked: Asked | None = None
    again: bool = False
    # A hint that a registry changed: it is read again soon.
    look: bool = False
    spent: Overspent | None = None
    reported: Reported | None = None


def unproved() -> Unproved:
    """The same words whatever is wrong, so that they teach nobody anything."""
    return Unproved("This delivery does not prove who sent it.")


def document(raw: bytes) -> dict[str, Any]:
    """The JSON object of a body, read after it was proved."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Invalid("The body is no JSON object.")
    return found


def text(found: Any, *path: str, longest: int = 200) -> str:
    """A text at a place of a document; empty where it is missing or anything else."""
    value = at(found, *path)
    return value if isinstance(value, str) and len(value) <= longest and storable(value) else ""


def number(found: Any, *path: str) -> str:
    """A whole positive number at a place of a document, as text; empty where it is anything else."""
    value = at(found, *path)
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**18
    return str(value) if fits else ""


def at(found: Any, *path: str) -> Any:
    """What stands at a place of a document, or None."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def needed(**found: str) -> None:
    """Invalid where one of these is empty; the sentence names it."""
    for name, value in found.items():
        if not value:
            raise Invalid(f"The delivery names no usable “{name}”.", field=name)


def identity(told: str) -> str:
    """The id of a delivery, or Invalid."""
    if not ID.fullmatch(told):
        raise Invalid("The delivery has no id of its own, so that it could be taken in once.", field="id")
    return told
