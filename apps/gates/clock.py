"""The database's clock: leases and due dates are never compared with the clock of a worker."""

from __future__ import annotations

from django.db.models import DateTimeField, Func

from apps.audit.clocks import database_now

__all__ = ["Clock", "database_now"]


class Clock(Func):
    """The time at the database now, not at the start of the transaction."""

    template = "clock_timestamp()"
    output_field = DateTimeField()
