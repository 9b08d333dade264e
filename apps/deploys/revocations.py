"""The revocation epoch: how often something has taken a permission away that an answer may still rest on."""

from __future__ import annotations

from django.db import connection

from apps.approvals.states import Severity
from apps.audit.events import EventName
from apps.gates.states import Purpose

# Whatever ends a permission before its date. A date that comes needs no epoch: each answer names its own end.
TAKING = (
    EventName.APPROVAL_REVOKED,
    EventName.APPROVAL_REJECTED,
    EventName.FINDING_REOPENED,
    EventName.USE_RETIRED,
    EventName.POLICY_RELEASED,
    EventName.KEY_REVOKED,
    EventName.BREAK_GLASS_ENDED,
)
_COUNTED = """
SELECT (SELECT count(*) FROM audit_event WHERE action = ANY(%s))
     + (SELECT count(*) FROM approvals_finding WHERE severity = %s)
     + (SELECT count(*) FROM gates_decision WHERE purpose = %s AND outcome <> 'pass')
"""


def revocation_epoch() -> int:
    """The epoch at this moment; rows that are counted are never taken away, so it never goes back."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [list(TAKING), Severity.CRITICAL, Purpose.MONITORING])
        return int(cursor.fetchone()[0])
