"""Second factors: added, used, removed. A shared key is stored locked, recovery codes as digests."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.access import codes, guards
from apps.access.guards import require
from apps.access.locked import lock, unlock
from apps.access.models import Person, RecoveryCode, SecondFactor
from apps.access.states import FactorKind, Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.events import EventName

_LOCKED_FOR = "an authenticator's key"
_MOST = 10


@transaction.atomic
def add_authenticator(*, by: Person, name: str, secret: bytes, code: str) -> list[str]:
    """Keep an authenticator that has shown a code of this key; recovery codes come with the first factor."""
    called = _called(by, name)
    step = codes.step_of(secret, codes.typed_code(code) or "-", at=timezone.now().timestamp(), after=-1)
    if step is None:
        raise Invalid("This is not the code that the authenticator shows now.", field="code")
    factor = SecondFactor(person=by, kind=FactorKind.TOTP, name=called, counter=step)
    factor.key = lock(secret, for_what=f"{_LOCKED_FOR} of {by.pk}")
    return _kept(factor, by=by)


@transaction.atomic
def add_passkey(*, by: Person, name: str, credential: bytes, key: bytes, counter: int) -> list[str]:
    """Keep a passkey whose registration was checked; recovery codes come with the first factor."""
    called = _called(by, name)
    if SecondFactor.objects.filter(credential=credential).exists():
        raise Refused("This passkey is registered already.")
    factor = SecondFactor(person=by, kind=FactorKind.PASSKEY, name=called, key=key, counter=counter)
    factor.credential = credential
    return _kept(factor, by=by)


def _called(by: Person, name: str) -> str:
    if by.token is not None or by.is_service:
        raise Forbidden("A second factor belongs to a person who is signed in, not to a token.")
    called = required(name, field="name", longest=100)
    held = SecondFactor.objects.select_for_update().filter(person=by, removed_at=None)
    names = {factor.name for factor in held}
    if called in names:
        raise Refused(f'You have a second factor "{called}" already.', field="name")
    if len(names) >= _MOST:
        raise Refused(f"There are {_MOST} second factors already; remove one first.")
    return called


def _kept(factor: SecondFactor, *, by: Person) -> list[str]:
    first = not SecondFactor.objects.filter(person=by, removed_at=None).exists()
    factor.save(force_insert=True)
    after = {"person": str(by.pk), "kind": factor.kind, "name": factor.name}
    audit.record(by=by, action=EventName.FACTOR_ADDED, subject=factor, after=after)
    return make_recovery_codes(by=by) if first else []


@transaction.atomic
def make_recovery_codes(*, by: Person) -> list[str]:
    """Ten new codes that work once each; the former ones are void."""
    guards.own_account(by)
    RecoveryCode.objects.filter(person=by).delete()
    fresh = codes.new_recovery_codes()
    rows = [RecoveryCode(person=by, digest=codes.recovery_digest(code)) for code in fresh]
    RecoveryCode.objects.bulk_create(rows)
    audit.record(by=by, action=EventName.RECOVERY_CODES_MADE, subject=by, after={"codes": len(fresh)})
    return fresh


@transaction.atomic
def remove_factor(*, by: Person, factor: SecondFactor, reason: str = "") -> SecondFactor:
    """Remove one's own, or as an administrator that of somebody who lost it, with a reason."""
    said = reason
    if by.pk != factor.person_id:
        require(by, Permission.PERSON_MANAGE)
        guards.grant_by_another(by, factor.person)
        said = required(reason, field="reason", lines=True)
    else:
        guards.own_account(by)
    if not SecondFactor.objects.filter(pk=factor.pk, removed_at=None).update(removed_at=Now(), key=b""):
        raise Refused(f'The second factor "{factor.name}" was removed before.')
    factor.refresh_from_db()
    before = {"person": str(factor.person_id), "kind": factor.kind, "name": factor.name}
    audit.record(by=by, action=EventName.FACTOR_REMOVED, subject=factor, before=before, reason=said)
    return factor


@transaction.atomic
def use_code(*, by: Person, typed: str) -> bool:
    """Whether this is a code of the person's now; it is used up with the question."""
    return _of_authenticator(by, typed) or _of_recovery(by, typed)


def _of_authenticator(person: Person, typed: str) -> bool:
    code = codes.typed_code(typed)
    if not code:
        return False
    rows = SecondFactor.objects.select_for_update().filter(
        person=person, kind=FactorKind.TOTP, removed_at=None
    )
    for factor in rows:
        secret = unlock(bytes(factor.key), for_what=f"{_LOCKED_FOR} of {person.pk}")
        now = timezone.now().timestamp()
        step = None if secret is None else codes.step_of(secret, code, at=now, after=factor.counter)
        if step is not None:
            SecondFactor.objects.filter(pk=factor.pk).update(counter=step, used_at=Now())
            return True
    return False


def _of_recovery(person: Person, typed: str) -> bool:
    digest = codes.recovery_digest(typed)
    rows = RecoveryCode.objects.filter(person=person, digest=digest, used_at=None)
    if not digest or not rows.update(used_at=Now()):
        return False
    left = RecoveryCode.objects.filter(person=person, used_at=None).count()
    audit.record(by=person, action=EventName.RECOVERY_CODE_USED, subject=person, after={"left": left})
    return True


@transaction.atomic
def use_passkey(*, by: Person, credential: bytes, counter: int) -> None:
    """Note the use of a passkey whose answer was checked; one whose count does not grow was copied."""
    factor = SecondFactor.objects.select_for_update().get(person=by, credential=credential, removed_at=None)
    if (counter or factor.counter) and counter <= factor.counter:
        raise Forbidden("This passkey answers like a copy of itself; remove it and register it again.")
    SecondFactor.objects.filter(pk=factor.pk).update(counter=counter, used_at=Now())
