"""Signing in, and proving it again before a signature."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models.functions import Now

from apps.access.commands.factors import use_code, use_passkey
from apps.access.guards import own_account, require_factor
from apps.access.models import Person, SignInAttempt
from apps.access.queries import has_factor
from apps.access.text import storable
from apps.access.throttle import KNOWN_FOR, account_of, refuse_flood
from apps.audit import commands as audit
from apps.audit.errors import Forbidden
from apps.audit.events import EventName
from apps.audit.states import Ref, system

FORGET_FAILURES = timedelta(days=1)
_WRONG = "The name and the password do not belong together."
_WRONG_CODE = "This is no code that counts now. A code counts once; the next one comes within half a minute."


class SecondFactorNeeded(Forbidden):
    """The password was right, and does not let this person in by itself."""

    def __init__(self, person: Person) -> None:
        super().__init__(
            "A code of your authenticator, or your passkey, is needed too.", code="second_factor"
        )
        self.person = person


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
    if has_factor(person):
        raise SecondFactorNeeded(person)  # the try counts as failed until the second step is done
    _succeed(attempt, by=person, event=EventName.SESSION_OPENED)
    return person


def finish_sign_in(*, person: Person, code: str, address: str) -> Person:
    """The second step: a code of an authenticator, or a recovery code."""
    attempt = _attempt(account_of(person.username), address)
    if not (person.is_active and use_code(by=person, typed=code)):
        raise _refused(attempt, person, sentence=_WRONG_CODE)
    _succeed(attempt, by=person, event=EventName.SESSION_OPENED)
    return person


def finish_by_passkey(*, person: Person, credential: bytes, counter: int, address: str) -> Person:
    """The second step by a passkey whose answer was checked."""
    attempt = _attempt(account_of(person.username), address)
    use_passkey(by=person, credential=credential, counter=counter)
    _succeed(attempt, by=person, event=EventName.SESSION_OPENED)
    return person


def reauthenticate_by_passkey(*, by: Person, credential: bytes, counter: int, address: str) -> None:
    """A passkey that asked its holder (PIN, finger, face) proves both things at once."""
    attempt = _attempt(account_of(by.username), address)
    use_passkey(by=by, credential=credential, counter=counter)
    _succeed(attempt, by=by, event=EventName.REAUTHENTICATION_PASSED)


def confirm_password(*, by: Person, password: str, address: str) -> None:
    """Refused unless it is one's own password: what a change of what guards the account asks for."""
    own_account(by)
    attempt = _attempt(account_of(by.username), address)
    if not (by.is_active and by.check_password(password)):
        raise _refused(attempt, by, sentence="This is not your password.")
    _succeed(attempt, by=by, event=EventName.REAUTHENTICATION_PASSED)


def reauthenticate(*, by: Person, password: str, address: str, code: str = "") -> None:
    """Refused unless it is the password of who is signed in, with a code where they have a factor."""
    if by.token is not None or by.is_service:
        raise Forbidden("A token cannot confirm a password: signatures are people's.")
    attempt = _attempt(account_of(by.username), address)
    if not (by.is_active and by.check_password(password)):
        raise _refused(attempt, by, sentence="This is not your password.")
    require_factor(by, here=True)
    if has_factor(by) and not use_code(by=by, typed=code):
        raise _refused(attempt, by, sentence=_WRONG_CODE)
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
