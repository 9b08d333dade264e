"""Over HTTP, too, what is signed or cannot be undone is a person's, who confirmed the password just now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.http import HttpRequest

from apps.access.proving import proved_at

if TYPE_CHECKING:
    from apps.access.models import Person


def confirmed_at(request: HttpRequest, by: Person) -> datetime | None:
    """When the person of this session confirmed who they are; a token never did."""
    return None if by.token is not None else proved_at(request.session)
