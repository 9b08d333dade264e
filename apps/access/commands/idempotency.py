"""A write that is sent twice happens once: its key, what was asked, what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from apps.access.models import IdempotentRequest, Person
from apps.access.text import required
from apps.audit.errors import Invalid, Refused

KEPT = timedelta(hours=24)
ABANDONED = timedelta(minutes=10)


@transaction.atomic
def begin_idempotent(*, by: Person, key: str, fingerprint: str) -> IdempotentRequest:
    """The row of this key: new, to be worked on, or with the answer of the first time in `status`.

    Another payload under the same key is Invalid; the same one while the first is at work is Refused.
    """
    named = required(key, field="Idempotency-Key", longest=200)
    _forget_old(by)
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
    if row.status is None:
        raise Refused(f'The request with the Idempotency-Key "{named}" is still at work.', code="in_flight")
    return row


def _forget_old(by: Person) -> None:
    """Answers are kept for a day; a request whose process died frees its key after some minutes."""
    mine = IdempotentRequest.objects.filter(person=by)
    mine.filter(created_at__lt=Now() - KEPT).delete()
    mine.filter(status=None, created_at__lt=Now() - ABANDONED).delete()


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
