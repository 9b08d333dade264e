"""What is known of a person, taken out of the service for good; what they did stays, without their name."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.access.commands.people import end_access
from apps.access.federation_models import DirectoryAccount, DirectoryMember, ExternalIdentity
from apps.access.guards import require
from apps.access.models import IdempotentRequest, Person, RoleGrant, SignInAttempt
from apps.access.states import Permission
from apps.access.text import required
from apps.access.throttle import account_of
from apps.audit import commands as audit
from apps.audit.errors import Refused

ERASED = "(erased)"
_SAYS = "SELECT id FROM access_idempotentrequest WHERE body IS NOT NULL AND position(%s::bytea IN body) > 0"


@transaction.atomic
def erase_person(*, by: Person, person: Person, reason: str) -> Person:
    """Erase the name, the addresses and the sign-ins of a person, whose account ends with it.

    Signed facts keep the account's handle and the human behind it, which duties are told apart by. The log
    keeps digests of what is erased, under salts that go with it.
    """
    require(by, Permission.PERSON_MANAGE)
    said = required(reason, field="reason", lines=True)
    held = Person.objects.select_for_update().get(pk=person.pk)
    if by.identity == held.identity:
        raise Refused("You cannot erase yourself; another administrator does it.")
    if held.username == _handle(held):
        raise Refused("The personal data of this account were erased before.")
    _forget_answers(held)
    SignInAttempt.objects.filter(account=account_of(held.username)).delete()
    end_access(held)
    _forget_elsewhere(held)
    grants = list(RoleGrant.objects.filter(person=held))
    held.name, held.username, held.email = ERASED, _handle(held), ""
    held.first_name = held.last_name = ""
    held.last_login, held.is_active = None, False
    held.set_unusable_password()
    held.save()
    audit.erase_personal(by=by, person=held, belonging=grants, reason=said)
    return held


def _forget_elsewhere(person: Person) -> None:
    """What providers and directories call the person."""
    for identity in ExternalIdentity.objects.filter(person=person):
        rows = ExternalIdentity.objects.filter(pk=identity.pk)
        rows.update(subject=f"erased-{identity.pk}", ended_at=identity.ended_at or Now())
    account = DirectoryAccount.objects.filter(person=person).first()
    if account is not None:
        DirectoryMember.objects.filter(account=account).delete()
        DirectoryAccount.objects.filter(pk=account.pk).update(
            user_name=_handle(person),
            external_id="",
            display_name="",
            given_name="",
            family_name="",
            removed_at=account.removed_at or Now(),
        )


def _handle(person: Person) -> str:
    return f"erased-{person.pk}"


def _forget_answers(person: Person) -> None:
    """Kept answers are the person's own, or name them; each only saves a repetition."""
    IdempotentRequest.objects.filter(person=person).delete()
    for told in filter(None, (person.name, person.email, f'"{person.username}"')):
        with connection.cursor() as cursor:
            cursor.execute(_SAYS, [told.encode()])
            IdempotentRequest.objects.filter(pk__in=[key for (key,) in cursor.fetchall()]).delete()
