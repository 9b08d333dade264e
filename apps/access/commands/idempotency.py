"""A write that is sent twice happens once: its key, what was asked, what was answered.

The key is held by a lock of the request's transaction, and its row is written in that transaction: a
process that dies in the middle frees both at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.access.models import IdempotentRequest, Person
from apps.access.text import required
from apps.audit.errors import Invalid, Refused

KEPT = timedelta(hours=24)


@transaction.atomic
def begin_idempotent(*, by: Person, key: str, fingerprint: str) -> IdempotentRequest:
    """The row of this key: new, to be worked on, or with the answer of the first time in `status`.

    To be called in the transaction that does the work. Another payload under the same key is Invalid; the
    same one while the first is at work is Refused.
    """
    named = required(key, field="Idempotency-Key", longest=200)
    if not _alone_with(by, named):
        raise Refused(f'The request with the Idempotency-Key "{named}" is still at work.', code="in_flight")
    _forget_old(by, named)
    row, new = IdempotentRequest.objects.get_or_create(
        person=by, key=named, defaults={"fingerprint": fingerprint}
    )
    if new:
        return row
    if row.fingerprint != fingerprint:
        raise Invalid(
            f'The Idempotency-Key "{named}" was used before for another request; choose a new one.',
            field="Idempotency-Key",
        )
    return row


def _alone_with(by: Person, key: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_of(by, key)])
        found: bool = cursor.fetchone()[0]
    return found


def lock_of(by: Person, key: str) -> int:
    """The number of the lock that stands for a person's key."""
    return int.from_bytes(hashlib.sha256(f"{by.pk}:{key}".encode()).digest()[:8], "big", signed=True)


def _forget_old(by: Person, key: str) -> None:
    """Answers are kept for a day; a row without one is of a request that is gone, for we hold its lock."""
    mine = IdempotentRequest.objects.filter(person=by)
    mine.filter(created_at__lt=Now() - KEPT).delete()
    mine.filter(key=key, status=None).delete()


def finish_idempotent(
    *, by: Person, key: str, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """Keep the answer, to be given again to the same request."""
    rows = IdempotentRequest.objects.filter(
        person=by, key=required(key, field="Idempotency-Key"), status=None
    )
    rows.update(status=status, body=body, headers=dict(headers or {}))


def forget_idempotent(*, by: Person, key: str) -> None:
    """Free a key whose request came to nothing, so that it may be tried again."""
    named = required(key, field="Idempotency-Key")
    IdempotentRequest.objects.filter(person=by, key=named, status=None).delete()
