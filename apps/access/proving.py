"""What a session holds of how its person proved who they are; every event of it says so."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.audit.context import authenticated

if TYPE_CHECKING:
    from collections.abc import Mapping

REAUTHENTICATED = "reauthenticated_at"
TWO_FACTORS = "two_factors"


def proved_at(session: Mapping[str, Any]) -> datetime | None:
    """When this session last proved who it is."""
    return parse_datetime(session.get(REAUTHENTICATED) or "")


def proved_by_session(session: Mapping[str, Any]) -> None:
    """Add to the context of this request how old the proof of its session is, and whether it was twofold."""
    at = proved_at(session)
    age = int((timezone.now() - at).total_seconds()) if at else None
    authenticated(method="session", age_seconds=age, mfa=bool(session.get(TWO_FACTORS)))
