"""People and service accounts: made, given a password, disabled; never deleted."""

from __future__ import annotations

import re

from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.db.models.functions import Now

from apps.access.guards import require
from apps.access.models import ApiToken, Person, RoleGrant
from apps.access.states import Permission, Scope
from apps.access.text import clean, required
from apps.audit import commands as audit
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.events import EventName
from apps.audit.states import Acting

_USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z")
_LOCK = 0x70656F70  # "peop"


@transaction.atomic
def create_person(
    *,
    by: Person,
    username: str,
    name: str,
    email: str = "",
    password: str | None = None,
    is_service: bool = False,
    identity: str | None = None,
) -> Person:
    """Make an account. `identity` says which human it belongs to; two accounts of one human share it."""
    require(by, Permission.PERSON_MANAGE)
    person = _draft(username, name, email, is_service=is_service, identity=identity)
    _set_password(person, password)
    return _store(person, by=by)


def new_account(*, by: Acting, username: str, name: str, email: str = "") -> Person:
    """An account without a password and without any right, for whom a provider or a directory vouches."""
    person = _draft(username, name, email, is_service=False, identity=None)
    _set_password(person, None)
    return _store(person, by=by)


@transaction.atomic
def first_administrator(*, by: Acting, username: str, name: str, password: str | None) -> Person:
    """Make the person who makes all others; refused once anybody is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if Person.objects.exists():
        raise Refused("There are people already; an administrator among them makes the next ones.")
    person = _draft(username, name, "", is_service=False, identity=None)
    _set_password(person, password)
    _store(person, by=by)
    reason = "the first administrator of this installation"
    grant = RoleGrant.objects.create(person=person, role="administrator", reason=reason)
    after = {"role": grant.role, "scope": Scope.ORGANISATION, "scope_key": "", "person": str(person.pk)}
    audit.record(by=by, action=EventName.ROLE_GRANTED, subject=grant, after=after, reason=reason)
    return person


def _draft(username: str, name: str, email: str, *, is_service: bool, identity: str | None) -> Person:
    key = required(username, field="username", longest=64)
    if not _USERNAME.match(key):
        raise Invalid(
            f'"{key}" is no username: 1 to 64 small letters, digits, dots, dashes and underscores.',
            field="username",
        )
    if Person.objects.filter(username=key).exists():
        raise Refused(f"The username {key} is taken.", field="username")
    return Person(
        username=key,
        name=required(name, field="name", longest=200),
        email=email_of(email),
        is_service=is_service,
        identity=clean(identity or "", field="identity", longest=200) or key,
    )


def email_of(text: str) -> str:
    """An e-mail address as it is kept; empty where there is none."""
    found = clean(text, field="email", longest=254)
    try:
        if found:
            validate_email(found)
    except ValidationError:
        raise Invalid(f'"{found}" is no e-mail address.', field="email") from None
    return found


def _set_password(person: Person, password: str | None) -> None:
    if person.is_service and password is not None:
        raise Invalid("A service account has no password: it carries a token.", field="password")
    if password is None:
        person.set_unusable_password()
        return
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from None
    person.set_password(password)


def _store(person: Person, *, by: Acting) -> Person:
    person.save(force_insert=True)
    after = {"is_service": person.is_service, "has_password": person.has_usable_password()}
    audit.record(by=by, action=EventName.PERSON_CREATED, subject=person, after=after)
    return person


@transaction.atomic
def change_password(*, by: Person, person: Person, password: str) -> Person:
    """Set one's own password, or another's as an administrator; it ends the person's sessions."""
    if by.token is not None:
        raise Forbidden("A token cannot change a password.")
    if by.pk != person.pk:
        require(by, Permission.PERSON_MANAGE)
    if person.is_service:
        raise Invalid("A service account has no password: it carries a token.", field="password")
    _set_password(person, password)
    person.save(update_fields=["password"])
    audit.record(by=by, action=EventName.PASSWORD_CHANGED, subject=person)
    return person


@transaction.atomic
def disable_person(*, by: Person, person: Person, reason: str) -> Person:
    """End every session, token and grant of an account at once."""
    require(by, Permission.PERSON_MANAGE)
    said = required(reason, field="reason", lines=True)
    held = Person.objects.select_for_update().get(pk=person.pk)
    if not held.is_active:
        raise Refused(f"{held.username} is disabled already.")
    if by.pk == held.pk:
        raise Refused("You cannot disable yourself; another administrator does it.")
    held.is_active = False
    held.save(update_fields=["is_active"])
    audit.record(
        by=by,
        action=EventName.PERSON_DISABLED,
        subject=held,
        before={"is_active": True},
        after={"is_active": False, **end_access(held)},
        reason=said,
    )
    person.is_active = False
    return held


@transaction.atomic
def enable_person(*, by: Person, person: Person, reason: str) -> Person:
    """Let a disabled account sign in again; its roles and tokens ended and are given afresh."""
    require(by, Permission.PERSON_MANAGE)
    said = required(reason, field="reason", lines=True)
    held = Person.objects.select_for_update().get(pk=person.pk)
    if held.is_active:
        raise Refused(f"{held.username} is enabled already.")
    if held.username == f"erased-{held.pk}":
        raise Refused("The personal data of this account were erased; it stays closed.")
    if by.identity == held.identity:
        raise Refused("You cannot enable an account of your own; another administrator does it.")
    held.is_active = True
    held.save(update_fields=["is_active"])
    audit.record(
        by=by,
        action=EventName.PERSON_ENABLED,
        subject=held,
        before={"is_active": False},
        after={"is_active": True},
        reason=said,
    )
    person.is_active = True
    return held


def end_access(person: Person) -> dict[str, int]:
    """End every session, token and grant of an account; how many of each there were."""
    tokens = ApiToken.objects.filter(person=person, revoked_at=None).update(revoked_at=Now())
    grants = RoleGrant.objects.filter(person=person).exclude(valid_to__lte=Now()).update(valid_to=Now())
    return {"tokens_revoked": tokens, "roles_ended": grants, "sessions_ended": end_sessions(person)}


def end_sessions(person: Person) -> int:
    """Delete the stored sessions of a person; a session row holds its owner only in its signed text."""
    open_sessions = Session.objects.filter(expire_date__gt=Now()).iterator(chunk_size=500)
    keys = [s.pk for s in open_sessions if s.get_decoded().get("_auth_user_id") == str(person.pk)]
    return Session.objects.filter(pk__in=keys).delete()[0]
