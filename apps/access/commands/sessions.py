"""Sessions ended: by signing out, from the list of one's own, or by an administrator."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.db import transaction

from apps.access import guards
from apps.access.guards import require
from apps.access.models import Person
from apps.access.queries import session_handle, sessions_of
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import NotFound
from apps.audit.events import EventName


@transaction.atomic
def end_session(*, by: Person, person: Person, handle: str, reason: str = "") -> None:
    """End one session, named by its handle: one's own, or as an administrator another's, with a reason."""
    said = _allowed(by, person, reason)
    keys = [row.session_key for row in sessions_of(person) if session_handle(row.session_key) == handle]
    if not keys:
        raise NotFound("There is no such session; it may have ended.")
    _end(keys, by=by, person=person, reason=said)


@transaction.atomic
def end_other_sessions(*, by: Person, person: Person, keep: str = "", reason: str = "") -> int:
    """End every session but the one whose handle is kept; how many there were."""
    said = _allowed(by, person, reason)
    keys = [row.session_key for row in sessions_of(person) if session_handle(row.session_key) != keep]
    if keys:
        _end(keys, by=by, person=person, reason=said)
    return len(keys)


@transaction.atomic
def sign_out(*, by: Person) -> None:
    """Note that somebody signed out; the session itself is ended by who holds it."""
    audit.record(by=by, action=EventName.SESSION_CLOSED, subject=by, after={"sessions_ended": 1})


def _allowed(by: Person, person: Person, reason: str) -> str:
    if by.pk == person.pk:
        guards.own_account(by)
        return reason
    require(by, Permission.PERSON_MANAGE)
    return required(reason, field="reason", lines=True)


def _end(keys: list[str], *, by: Person, person: Person, reason: str) -> None:
    Session.objects.filter(pk__in=keys).delete()
    after = {"sessions_ended": len(keys)}
    audit.record(by=by, action=EventName.SESSION_CLOSED, subject=person, after=after, reason=reason)
