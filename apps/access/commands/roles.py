"""Roles of the installation's own: each change is a new version, which counts from the next request on."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, transaction

from apps.access import lawful
from apps.access.guards import require
from apps.access.models import Person, RoleVersion
from apps.access.roles import as_role, newest_roles
from apps.access.states import Permission, Role
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import NotFound, Refused
from apps.audit.events import EventName


@transaction.atomic
def define_role(
    *, by: Person, key: str, title: str, sentence: str, permissions: Iterable[str], reason: str
) -> RoleVersion:
    """Make a role, or change one of the installation's own; the same again changes nothing."""
    require(by, Permission.ROLE_DEFINE)
    named = lawful.role_key(key)
    wanted = lawful.permissions_of(permissions)
    lawful.duties_kept(wanted)
    role = Role(
        named, required(title, field="title", longest=100), required(sentence, field="sentence"), wanted
    )
    said = required(reason, field="reason", lines=True)
    before = _held(named)
    if before is not None and not before.retired and as_role(before) == role:
        return before
    lawful.not_ones_own(by, named)
    lawful.fits_holders(role)
    return _kept(by, before, role, said, event=EventName.ROLE_DEFINED)


@transaction.atomic
def retire_role(*, by: Person, key: str, reason: str) -> RoleVersion:
    """Take every permission from a role of the installation's own; grants of it carry nothing from now on."""
    require(by, Permission.ROLE_DEFINE)
    named, said = lawful.role_key(key), required(reason, field="reason", lines=True)
    before = _held(named)
    if before is None:
        raise NotFound(f'There is no role "{named}".', field="key")
    if before.retired:
        raise Refused(f"The role {before.title} was retired before.")
    lawful.not_ones_own(by, named)
    role = Role(named, before.title, before.sentence, frozenset())
    return _kept(by, before, role, said, event=EventName.ROLE_RETIRED)


def _held(key: str) -> RoleVersion | None:
    """The version that counts, with the role locked against a rival change and a rival grant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"access_role:{key}"])
    return newest_roles().filter(key=key).first()


def _kept(
    by: Person, before: RoleVersion | None, role: Role, reason: str, *, event: EventName
) -> RoleVersion:
    row = RoleVersion.objects.create(
        key=role.key,
        number=before.number + 1 if before else 1,
        title=role.title,
        sentence=role.sentence,
        permissions=sorted(role.permissions),
        retired=event == EventName.ROLE_RETIRED,
        made_by=by,
        reason=reason,
    )
    former = _told(before) if before else None
    audit.record(by=by, action=event, subject=row, before=former, after=_told(row), reason=reason)
    return row


def _told(row: RoleVersion) -> dict[str, object]:
    return {
        "key": row.key,
        "number": row.number,
        "title": row.title,
        "permissions": row.permissions,
        "retired": row.retired,
    }
