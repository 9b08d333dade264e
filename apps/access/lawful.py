"""What a role of the installation's own may permit: the laws of the shipped roles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.access.guards import clash, scopes_meet, told_scope
from apps.access.models import Person, RoleGrant
from apps.access.roles import all_roles
from apps.access.states import (
    ADMINISTERS,
    APART_FROM_ADMINISTERING,
    APPROVES,
    BUILDS,
    PERSONAL,
    ROLES,
    Permission,
    Role,
)
from apps.audit.errors import Forbidden, Invalid, Refused

_KEY = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")
_LONGEST = 40


def role_key(text: str) -> str:
    """The key of an own role; a shipped one is code and changes with the service."""
    if len(text) > _LONGEST or not _KEY.match(text):
        raise Invalid(
            f'"{text[:60]}" is no key of a role: small letters, digits and dashes, at most {_LONGEST}.',
            field="key",
        )
    if text in ROLES:
        raise Refused(
            f"The role {ROLES[text].title} comes with the service and is not changed here.", field="key"
        )
    return text


def permissions_of(names: Iterable[str]) -> frozenset[Permission]:
    """The permissions of these names; at least one, and all of them known."""
    wanted = sorted(set(names))
    for name in wanted:
        if name not in list(Permission):
            raise Invalid(f'There is no permission "{name}".', field="permissions")
    if not wanted:
        raise Invalid("A role needs at least one permission.", field="permissions")
    return frozenset(Permission(name) for name in wanted)


def duties_kept(permissions: frozenset[Permission]) -> None:
    """Refused where one role would both build and approve, or administer and see what it gives to others."""
    _apart(permissions, BUILDS, APPROVES, "nobody both builds and approves")
    told = "whoever says who may do what neither sees evidence nor builds nor approves"
    _apart(permissions, ADMINISTERS, APART_FROM_ADMINISTERING, told)


def _apart(
    permissions: frozenset[Permission], one: frozenset[Permission], other: frozenset[Permission], why: str
) -> None:
    left, right = sorted(permissions & one), sorted(permissions & other)
    if left and right:
        raise Refused(
            f"A role cannot hold both {left[0]} and {right[0]}: {why}.", code="separation_of_duties"
        )


def holders(key: str) -> QuerySet[RoleGrant]:
    """The grants of a role that have not ended."""
    rows = RoleGrant.objects.filter(role=key).exclude(valid_to__lte=Now())
    return rows.select_related("person").order_by("person__username", "pk")


def not_ones_own(by: Person, key: str) -> None:
    """Refused to whoever holds the role, in any account: nobody gives themselves permissions."""
    if holders(key).filter(person__identity=by.identity).exists():
        raise Forbidden("You hold this role; another administrator changes it.")


def fits_holders(role: Role) -> None:
    """Refused where somebody who holds the role already could not be given it as it will be."""
    for grant in holders(role.key):
        if grant.person.is_service and role.permissions & PERSONAL:
            signs = min(role.permissions & PERSONAL)
            raise Refused(
                f"{grant.person.username} is a service account and holds this role; "
                f"{signs} is for people only."
            )
        _no_clash(grant, role)


def _no_clash(grant: RoleGrant, role: Role) -> None:
    roles, where = all_roles(), (grant.scope, grant.scope_key)
    others = RoleGrant.objects.filter(person__identity=grant.person.identity).exclude(valid_to__lte=Now())
    for other in others.exclude(role=role.key):
        held = roles.get(other.role)
        if held is not None and clash(role, held) and scopes_meet(where, (other.scope, other.scope_key)):
            raise Refused(
                f"{grant.person.username} holds this role and is {held.title} for "
                f"{told_scope(other.scope, other.scope_key)}: nobody both builds and approves.",
                code="separation_of_duties",
            )


def incompatible(permissions: Sequence[str]) -> str:
    """The sentence with which these permissions are refused together, or nothing."""
    try:
        duties_kept(permissions_of(permissions))
    except Refused as refused:
        return str(refused)
    return ""
