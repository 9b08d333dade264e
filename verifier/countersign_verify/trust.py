"""What somebody trusts who asks, and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from countersign_verify import keys, notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the person who asks trusts beforehand, and as of when they ask."""

    at: datetime
    keys: Sequence[keys.Key] | None = None
    witnesses: Sequence[notes.Witness] = ()
    authorities: Sequence[Any] = ()
    signers: Sequence[Any] = ()
    lists: Sequence[str] = ()
    kept: Sequence[notes.Checkpoint] = ()


@dataclass(slots=True)
class Account:
    """What was found: whether it rests on keys that were given, and what it says line by line."""

    pinned: bool
    says: list[tuple[str, str]] = field(default_factory=list)
    what: str = "auditor pack"

    def say(self, name: str, value: object) -> None:
        """Add a line."""
        self.says.append((name, str(value)))
