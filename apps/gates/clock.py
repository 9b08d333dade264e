"""The database's clock: leases and due dates are never compared with the clock of a worker."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import DateTimeField, Func


class Clock(Func):
    """The time at the database now, not at the start of the transaction."""

    template = "clock_timestamp()"
    output_field = DateTimeField()


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found
