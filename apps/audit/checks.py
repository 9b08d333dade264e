from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connection
from django.db.utils import DatabaseError

from apps.audit import walls


@register(Tags.database)
def walls_stand(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """`manage.py check --database default` says which walls around the log are missing."""
    if not databases or connection.alias not in databases:
        return []
    try:
        if "audit_event" not in connection.introspection.table_names():
            return []
        return [Warning(sentence, id="audit.W001") for sentence in walls.missing()]
    except DatabaseError as error:
        return [Warning(f"The walls around the log cannot be looked at: {error}", id="audit.W002")]
