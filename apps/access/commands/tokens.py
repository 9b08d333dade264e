"""Tokens issued and revoked. The secret is returned once and never stored."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.access import guards
from apps.access.guards import require
from apps.access.models import ApiToken, Person, TokenUse
from apps.access.states import Permission
from apps.access.text import required
from apps.access.tokens import PREFIX, new_token, token_digest
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName


@transaction.atomic
def issue_token(
    *, by: Person, person: Person, name: str, scopes: Iterable[str], days: int = 90
) -> tuple[ApiToken, str]:
    """Make a token that acts as `person` with some of their permissions. The second value is the secret."""
    guards.token_for(by, person)
    called = required(name, field="name", longest=100)
    carried, lifetime = guards.token_scopes(person, scopes), guards.token_days(days)
    raw = new_token()
    token = ApiToken.objects.create(
        person=person,
        name=called,
        prefix=raw[: len(PREFIX) + 4],
        last4=raw[-4:],
        digest=token_digest(raw),
        scopes=carried,
        issued_by=by,
        expires_at=timezone.now() + lifetime,
    )
    after = {"person": str(person.pk), "scopes": carried, "expires_at": token.expires_at}
    audit.record(by=by, action=EventName.TOKEN_ISSUED, subject=token, after=after)
    return token, raw


_NOTED: set[tuple[int, date]] = set()  # what this process has noted today


def note_token_use(*, by: Person) -> None:
    """Note that a token was used on this day: one row a day, whatever is asked with it."""
    token, today = by.token, timezone.now().date()
    if token is None or (token.pk, today) in _NOTED:
        return
    TokenUse.objects.bulk_create([TokenUse(token=token, day=today)], ignore_conflicts=True)
    if any(day != today for _, day in _NOTED):
        _NOTED.clear()
    _NOTED.add((token.pk, today))


@transaction.atomic
def revoke_token(*, by: Person, token: ApiToken, reason: str = "") -> ApiToken:
    """End a token at once: one's own, one that one issued, or any as an administrator."""
    if by.pk not in (token.person_id, token.issued_by_id):
        require(by, Permission.PERSON_MANAGE)
    if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()):
        raise Refused(f"The token {token} was revoked before.")
    token.refresh_from_db()
    audit.record(
        by=by,
        action=EventName.TOKEN_REVOKED,
        subject=token,
        before={"person": str(token.person_id), "revoked_at": None},
        after={"person": str(token.person_id), "revoked_at": token.revoked_at},
        reason=reason,
    )
    return token
