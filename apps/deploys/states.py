from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The deploy gate's answers; only the two `allow`s are allowed."""

    ALLOW = "allow"
    ALLOW_WITH_LIMITS = "allow_with_limits"
    PENDING = "pending"
    DENY = "deny"
    ERROR = "error"
