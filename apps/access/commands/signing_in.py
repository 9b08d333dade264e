"""Signing in, and proving it again before a signature."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models.functions import Now

from apps.access.models import Person, SignInAttempt
from apps.access.text import storable
from apps.access.throttle import KNOWN_FOR, account_of, refuse_flood
from apps.audit import commands as audit
from apps.audit.errors import Forbidden
from apps.audit.events import EventName
from apps.audit.states import Ref, system

FORGET_FAILURES = timedelta(days=1)
_WRONG = "The name and the password do not belong together."


def sign_in(*, username: str, password: str, address: str) -> Person:
    """The person behind a name and a password; the refusal never says which of the two was wrong."""
    attempt = _attempt(account_of(username), address)
    known = Person.objects.filter(is_service=False, is_active=True)
    person = known.filter(username=username).first() if storable(username) else None
    if person is None:
        make_password(password)  # as slow as a wrong password, so that names cannot be tried out
        raise _refused(attempt, None)
    if not person.check_password(password):
        raise _refused(attempt, person)
    _succeed(attempt, by=person, event=EventName.SESSION_OPENED)
    return person


def reauthenticate(*, by: Person, password: str, address: str) -> None:
    """Refused unless it is the password of the person who is signed in."""
    if by.token is not None or by.is_service:
        raise Forbidden("A token cannot confirm a password: signatures are people's.")
    attempt = _attempt(account_of(by.username), address)
    if not (by.is_active and by.check_password(password)):
        raise _refused(attempt, by, sentence="This is not your password.")
    _succeed(attempt, by=by, event=EventName.REAUTHENTICATION_PASSED)


def _attempt(account: str, address: str) -> SignInAttempt:
    """Write the try down before it is judged: tries made at the same time then count each other."""
    SignInAttempt.objects.filter(succeeded=False, at__lt=Now() - FORGET_FAILURES).delete()
    attempt = SignInAttempt.objects.create(account=account, address=address[:64])
    refuse_flood(account=account, address=attempt.address)
    return attempt


def _refused(attempt: SignInAttempt, person: Person | None, *, sentence: str = _WRONG) -> Forbidden:
    unknown = Ref("account", attempt.account, "unknown")
    audit.record(
        by=system("sign-in"), action=EventName.SESSION_REFUSED, subject=unknown if person is None else person
    )
    return Forbidden(sentence, code="wrong_password")


@transaction.atomic
def _succeed(attempt: SignInAttempt, *, by: Person, event: EventName) -> None:
    """One row of success stays for each account and address; the failures before it are forgotten."""
    same = SignInAttempt.objects.filter(account=attempt.account, address=attempt.address)
    same.exclude(pk=attempt.pk).delete()
    SignInAttempt.objects.filter(succeeded=True, at__lt=Now() - KNOWN_FOR).delete()
    SignInAttempt.objects.filter(pk=attempt.pk).update(succeeded=True, at=Now())
    audit.record(by=by, action=event, subject=by)
