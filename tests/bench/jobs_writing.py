"""Jobs: writers to the database."""

from __future__ import annotations

import time
from typing import Any

from tests.bench.registry import job


@job
def writing(kind: str, count: str, sleep: str) -> dict[str, Any]:
    """Transactions that insert a loan, `kind` audited or plain; all writers begin at a lock of the parent."""
    import django

    django.setup()
    from django.db import connection, transaction

    from apps.audit import commands as audit
    from apps.audit.events import EventName
    from apps.audit.states import Ref, system

    by = system("bench")

    def one(number: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("INSERT INTO bench_loan(amount) VALUES (%s)", [number])
            if kind == "audited":
                subject = Ref("model", f"loan-{number}", f"loan {number}")
                audit.record(
                    by=by, action=EventName.MODEL_REGISTERED, subject=subject, after={"amount": number}
                )
            if float(sleep):
                cursor.execute("SELECT pg_sleep(%s)", [float(sleep)])

    one(0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(7)")
    began = time.time()
    for number in range(int(count)):
        one(number)
    return {"began": began, "ended": time.time(), "count": int(count)}
