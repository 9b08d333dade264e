"""People as a directory keeps them by SCIM: made, changed, disabled and enabled; never deleted."""

from __future__ import annotations

import re

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from apps.access import guards
from apps.access.commands.mapping import follow_directory_groups
from apps.access.commands.people import email_of, end_access, new_account
from apps.access.federation_models import DirectoryAccount, DirectoryGroup, DirectoryMember
from apps.access.guards import require
from apps.access.models import Person
from apps.access.scim import AccountFields, GroupFields, accounts_of, fields_of, group_fields_of, groups_of
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.audit import commands as audit
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.events import EventName

_NOT_PLAIN = re.compile(r"[^a-z0-9._-]+")
_MOST_MEMBERS = 20_000


class Stale(Refused):
    """It was changed by somebody else since it was read."""

    code = "stale"


def _require_directory(by: Person) -> None:
    require(by, Permission.PERSON_PROVISION)
    if not by.is_service:
        raise Forbidden("A directory speaks through a service account, not through a person.")


@transaction.atomic
def provision_account(*, by: Person, fields: AccountFields) -> DirectoryAccount:
    """Make an account for somebody whom the directory knows, or take up again one that it had removed."""
    _require_directory(by)
    said = _cleaned(fields)
    known = DirectoryAccount.objects.filter(directory=by, user_name__iexact=said.user_name).first()
    if known is not None and known.removed_at is None:
        raise Refused(f"The user {said.user_name} is there already.", code="uniqueness", field="userName")
    _refuse_external(by, said.external_id, besides=known)
    if known is not None:
        DirectoryAccount.objects.filter(pk=known.pk).update(removed_at=None)
        return _changed(by, DirectoryAccount.objects.get(pk=known.pk), said)
    person = _new_person(by, said)
    account = DirectoryAccount.objects.create(directory=by, person=person, **_kept(said))
    if not said.active:
        _set_active(by, person, active=False)
    return accounts_of(by).get(pk=account.pk)


def _new_person(by: Person, said: AccountFields) -> Person:
    key = _NOT_PLAIN.sub("-", said.user_name.partition("@")[0].casefold()).strip(".-_")[:64].strip(".-_")
    if not key:
        raise Invalid(f'"{said.user_name}" holds no letter or digit to name an account by.', field="userName")
    if Person.objects.filter(username=key).exists():
        raise Refused(
            f"The account {key} is somebody's here already; an administrator can hand it over.",
            code="uniqueness",
            field="userName",
        )
    return new_account(by=by, username=key, name=said.called[:200], email=said.email)


def _cleaned(fields: AccountFields) -> AccountFields:
    return AccountFields(
        user_name=required(fields.user_name, field="userName", longest=255),
        external_id=clean(fields.external_id, field="externalId", longest=255),
        name=clean(fields.name, field="displayName", longest=200),
        given_name=clean(fields.given_name, field="name.givenName", longest=100),
        family_name=clean(fields.family_name, field="name.familyName", longest=100),
        email=email_of(fields.email),
        active=fields.active,
    )


def _kept(said: AccountFields) -> dict[str, str]:
    return {
        "user_name": said.user_name,
        "external_id": said.external_id,
        "display_name": said.name,
        "given_name": said.given_name,
        "family_name": said.family_name,
    }


def _refuse_external(by: Person, external_id: str, *, besides: DirectoryAccount | None) -> None:
    rows = DirectoryAccount.objects.filter(directory=by, external_id=external_id)
    if external_id and rows.exclude(pk=besides.pk if besides else 0).exists():
        raise Refused(
            f"Another user has the externalId {external_id}.", code="uniqueness", field="externalId"
        )


@transaction.atomic
def change_account(
    *, by: Person, account: DirectoryAccount, fields: AccountFields, version: int | None = None
) -> DirectoryAccount:
    """Let an account be as the directory says; one who is disabled is out within the same moment."""
    _require_directory(by)
    held = accounts_of(by).select_for_update(of=("self",)).get(pk=account.pk)
    if version is not None and held.version != version:
        raise Stale("The user was changed meanwhile.")
    said = _cleaned(fields)
    named = DirectoryAccount.objects.filter(directory=by, user_name__iexact=said.user_name)
    if named.exclude(pk=held.pk).exists():
        raise Refused(f"Another user is {said.user_name}.", code="uniqueness", field="userName")
    _refuse_external(by, said.external_id, besides=held)
    return _changed(by, held, said)


def _changed(by: Person, held: DirectoryAccount, said: AccountFields) -> DirectoryAccount:
    before, person = fields_of(held), held.person
    told = sorted(
        name
        for name in AccountFields.__slots__
        if name != "active" and getattr(before, name) != getattr(said, name)
    )
    DirectoryAccount.objects.filter(pk=held.pk).update(
        **_kept(said), version=F("version") + 1, changed_at=Now()
    )
    Person.objects.filter(pk=person.pk).update(name=said.called[:200], email=said.email)
    if told:
        audit.record(by=by, action=EventName.PERSON_CHANGED, subject=person, after={"changed": told})
    if said.active != before.active:
        _set_active(by, person, active=said.active)
    fresh = accounts_of(by).get(pk=held.pk)
    if said.active:
        follow_directory_groups(by=by, account=fresh)
    return fresh


def _set_active(by: Person, person: Person, *, active: bool) -> None:
    """Sessions, tokens and roles end with the account; what its groups are worth comes back with it."""
    Person.objects.filter(pk=person.pk).update(is_active=active)
    ended = {} if active else end_access(person)
    audit.record(
        by=by,
        action=EventName.PERSON_ENABLED if active else EventName.PERSON_DISABLED,
        subject=person,
        before={"is_active": not active},
        after={"is_active": active, **ended},
        reason="said by the directory",
    )


@transaction.atomic
def remove_account(*, by: Person, account: DirectoryAccount) -> None:
    """Disable an account for good: the directory knows it no more, and what its person did stays."""
    _require_directory(by)
    held = accounts_of(by).select_for_update(of=("self",)).get(pk=account.pk)
    DirectoryMember.objects.filter(account=held).delete()
    DirectoryAccount.objects.filter(pk=held.pk).update(
        removed_at=Now(), external_id="", version=F("version") + 1, changed_at=Now()
    )
    if held.person.is_active:
        _set_active(by, held.person, active=False)
    else:
        audit.record(
            by=by, action=EventName.PERSON_CHANGED, subject=held.person, after={"changed": ["removed"]}
        )


@transaction.atomic
def hand_over_account(
    *, by: Person, person: Person, directory: Person, user_name: str, reason: str
) -> DirectoryAccount:
    """Let a directory keep an account that was made here; as an administrator, and never one's own."""
    require(by, Permission.PERSON_MANAGE)
    guards.grant_by_another(by, person)
    said = required(reason, field="reason", lines=True)
    named = required(user_name, field="user_name", longest=255)
    if person.is_service or not person.is_active:
        raise Refused(f"{person.username} is no account that a person signs in to.")
    if not directory.is_service or not guards.may(directory, Permission.PERSON_PROVISION):
        raise Refused(f"{directory.username} is no directory.")
    taken = DirectoryAccount.objects.filter(person=person) | DirectoryAccount.objects.filter(
        directory=directory, user_name__iexact=named
    )
    if taken.exists():
        raise Refused(f"{person.username}, or the user {named}, is kept by a directory already.")
    account = DirectoryAccount.objects.create(
        directory=directory, person=person, user_name=named, display_name=person.name
    )
    after = {"directory": str(directory.pk)}
    audit.record(by=by, action=EventName.PERSON_HANDED_OVER, subject=person, after=after, reason=said)
    return account


# Groups ----------------------------------------------------------------------------------------------


@transaction.atomic
def provision_group(*, by: Person, fields: GroupFields) -> DirectoryGroup:
    """Make a group; its members hold what the group is worth at once."""
    _require_directory(by)
    said = _cleaned_group(by, fields, besides=None)
    group = DirectoryGroup.objects.create(directory=by, name=said.name, external_id=said.external_id)
    accounts = _accounts(by, said)
    DirectoryMember.objects.bulk_create(DirectoryMember(group=group, account=one) for one in accounts)
    after = {"members": len(accounts)}
    audit.record(by=by, action=EventName.GROUP_CREATED, subject=group, after=after)
    _follow(by, accounts)
    return group


def _cleaned_group(by: Person, fields: GroupFields, *, besides: DirectoryGroup | None) -> GroupFields:
    name = required(fields.name, field="displayName", longest=200)
    if groups_of(by).filter(name=name).exclude(pk=besides.pk if besides else 0).exists():
        raise Refused(f"The group {name} is there already.", code="uniqueness", field="displayName")
    if len(fields.members) > _MOST_MEMBERS:
        raise Invalid(f"A group has at most {_MOST_MEMBERS:,} members.", field="members")
    external = clean(fields.external_id, field="externalId", longest=255)
    return GroupFields(name=name, external_id=external, members=fields.members)


def _accounts(by: Person, said: GroupFields) -> list[DirectoryAccount]:
    found = list(accounts_of(by).filter(uid__in=said.members))
    if len(found) != len(said.members):
        missing = said.members - {one.uid for one in found}
        raise Invalid(f"There is no user {sorted(map(str, missing))[0]} to be a member.", field="members")
    return found


@transaction.atomic
def change_group(
    *, by: Person, group: DirectoryGroup, fields: GroupFields, version: int | None = None
) -> DirectoryGroup:
    """Let a group be as the directory says: who comes and who goes gains and loses what it is worth."""
    _require_directory(by)
    held = groups_of(by).select_for_update().get(pk=group.pk)
    if version is not None and held.version != version:
        raise Stale("The group was changed meanwhile.")
    before, said = group_fields_of(held), _cleaned_group(by, fields, besides=held)
    wanted = _accounts(by, said)
    gone = list(accounts_of(by).filter(uid__in=before.members - said.members))
    come = [one for one in wanted if one.uid not in before.members]
    DirectoryMember.objects.filter(group=held, account__in=gone).delete()
    DirectoryMember.objects.bulk_create(DirectoryMember(group=held, account=one) for one in come)
    DirectoryGroup.objects.filter(pk=held.pk).update(
        name=said.name, external_id=said.external_id, version=F("version") + 1, changed_at=Now()
    )
    after = {"came": [str(one.uid) for one in come][:100], "went": [str(one.uid) for one in gone][:100]}
    counts = {"members": len(wanted), "came_in_all": len(come), "went_in_all": len(gone)}
    audit.record(
        by=by,
        action=EventName.GROUP_CHANGED,
        subject=held,
        before={"name": before.name, "members": len(before.members)},
        after={"name": said.name, **after, **counts},
    )
    _follow(by, wanted + gone if said.name != before.name else come + gone)
    return groups_of(by).get(pk=held.pk)


@transaction.atomic
def remove_group(*, by: Person, group: DirectoryGroup) -> None:
    """End a group, and what its members held by it."""
    _require_directory(by)
    held = groups_of(by).select_for_update().get(pk=group.pk)
    accounts = list(accounts_of(by).filter(memberships__group=held))
    DirectoryMember.objects.filter(group=held).delete()
    DirectoryGroup.objects.filter(pk=held.pk).update(removed_at=Now(), version=F("version") + 1)
    after = {"members": 0}
    audit.record(
        by=by, action=EventName.GROUP_REMOVED, subject=held, before={"members": len(accounts)}, after=after
    )
    _follow(by, accounts)


def _follow(by: Person, accounts: list[DirectoryAccount]) -> None:
    for account in accounts:
        follow_directory_groups(by=by, account=account)
