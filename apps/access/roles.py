"""The roles as they count now: those shipped with the service, and the installation's own."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.access.models import RoleVersion
from apps.access.states import ROLES, Permission, Role
from apps.access.within import Carrying


def carrying(permission: Permission) -> Q:
    """Which grants carry a permission: of the shipped roles that hold it, and of the newest own ones."""
    return Q(Carrying(permission))


def newest_roles() -> QuerySet[RoleVersion]:
    """The version that counts of each role of the installation's own."""
    newer = RoleVersion.objects.filter(key=OuterRef("key"), number__gt=OuterRef("number"))
    return RoleVersion.objects.filter(~Exists(newer))


def own_roles() -> dict[str, Role]:
    """The installation's own roles as they count now, without the retired."""
    return {row.key: as_role(row) for row in newest_roles().filter(retired=False).order_by("key")}


def as_role(row: RoleVersion) -> Role:
    """What a version of a role says; a permission that no longer exists counts for nothing."""
    known = frozenset(p for p in Permission if p in row.permissions)
    return Role(row.key, row.title, row.sentence, known)


def all_roles() -> dict[str, Role]:
    """The shipped roles, then the installation's own."""
    return {**ROLES, **own_roles()}


def roles_by_key(keys: Iterable[str]) -> dict[str, Role]:
    """The roles of these keys that exist; the table of own roles is asked only where one is among them."""
    wanted = set(keys)
    found = {key: role for key, role in ROLES.items() if key in wanted}
    return found if wanted <= found.keys() else {k: r for k, r in all_roles().items() if k in wanted}


def keys_with(permission: Permission) -> list[str]:
    """The keys of all roles that hold a permission now."""
    return [role.key for role in all_roles().values() if permission in role.permissions]


def role_history(key: str) -> QuerySet[RoleVersion]:
    """Every version of a role of the installation's own, the newest first."""
    return RoleVersion.objects.filter(key=key).select_related("made_by").order_by("-number")
