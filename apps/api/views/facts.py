"""Which signed statements somebody may read: those of facts that they may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.deploys.queries import visible_admissions
from apps.reports.facts import readable_statement

if TYPE_CHECKING:
    from apps.access.models import Person


def visible_statement(by: Person, digest: str) -> bool:
    """Whether a fact of this digest is among those that the person may see; sign-offs stay blind."""
    return readable_statement(by, digest, visible_admissions(by))
