"""Accounts and groups that a directory keeps here: each directory sees its own, and nobody else's."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from apps.access.federation_models import DirectoryAccount, DirectoryGroup
from apps.access.models import Person
from apps.audit.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFields:
    """What a directory says of an account."""

    user_name: str
    external_id: str = ""
    name: str = ""
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    active: bool = True

    @property
    def called(self) -> str:
        """The name of the person, by the best that was said."""
        return self.name or f"{self.given_name} {self.family_name}".strip() or self.user_name


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFields:
    """What a directory says of a group; members are accounts of the same directory."""

    name: str
    external_id: str = ""
    members: frozenset[UUID] = frozenset()


def accounts_of(directory: Person) -> QuerySet[DirectoryAccount]:
    """The accounts that a directory keeps, oldest first."""
    rows = DirectoryAccount.objects.filter(directory_id=directory.pk, removed_at=None)
    return rows.select_related("person", "directory").prefetch_related("memberships__group").order_by("pk")


def groups_of(directory: Person) -> QuerySet[DirectoryGroup]:
    """The groups that a directory keeps, oldest first."""
    return DirectoryGroup.objects.filter(directory_id=directory.pk, removed_at=None).order_by("pk")


def find_account(directory: Person, uid: str, *, hold: bool = False) -> DirectoryAccount:
    """One account of a directory, held until the transaction ends; NotFound for those of others."""
    rows = accounts_of(directory).filter(uid=_uid(uid))
    found = (rows.select_for_update(of=("self",)) if hold else rows).first()
    if found is None:
        raise NotFound("There is no such user.")
    return found


def find_group(directory: Person, uid: str, *, hold: bool = False) -> DirectoryGroup:
    """One group of a directory, held until the transaction ends; NotFound for those of others."""
    rows = groups_of(directory).filter(uid=_uid(uid))
    found = (rows.select_for_update() if hold else rows).first()
    if found is None:
        raise NotFound("There is no such group.")
    return found


def fields_of(account: DirectoryAccount) -> AccountFields:
    """An account as it stands."""
    return AccountFields(
        user_name=account.user_name,
        external_id=account.external_id,
        name=account.display_name,
        given_name=account.given_name,
        family_name=account.family_name,
        email=account.person.email,
        active=account.person.is_active,
    )


def group_fields_of(group: DirectoryGroup) -> GroupFields:
    """A group as it stands."""
    members = group.members.filter(account__removed_at=None).values_list("account__uid", flat=True)
    return GroupFields(name=group.name, external_id=group.external_id, members=frozenset(members))


def _uid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("There is nothing of that id.") from None
