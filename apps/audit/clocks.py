"""Whether the clocks of the service and the database agree: dates go by the one, leases by the other."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

MOST = timedelta(seconds=2)


def database_now() -> datetime:
    """The database's time: leases go by it, never by the clock of a worker."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def apart() -> timedelta:
    """By how much the service's clock is ahead of the database's; the way there and back counts half."""
    before = timezone.now()
    there = database_now()
    return before + (timezone.now() - before) / 2 - there


def disagreement() -> str:
    """A sentence where the clocks are more than two seconds apart; empty while they agree."""
    found = apart()
    if abs(found) <= MOST:
        return ""
    word = "ahead of" if found > timedelta(0) else "behind"
    seconds = abs(found).total_seconds()
    return (
        f"The service's clock is {seconds:.0f} seconds {word} the database's: events and due dates cannot be "
        "trusted to the second. Mend the time service of both machines."
    )
