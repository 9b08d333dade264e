"""What the groups that others name are worth here: roles, given and ended as people come and go."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.access import guards
from apps.access.federation import (
    directories,
    directory_source,
    sources,
    standing_mappings,
    why_not_by,
)
from apps.access.federation_models import DirectoryAccount, DirectoryMember, GroupMapping, MappedGrant
from apps.access.guards import require
from apps.access.models import Person, RoleGrant
from apps.access.states import Permission, Scope
from apps.access.text import clean, required
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.states import Acting


@transaction.atomic
def map_group(
    *,
    by: Person,
    source: str,
    group: str,
    role: str,
    scope: str = Scope.ORGANISATION,
    scope_key: str = "",
    reason: str,
) -> GroupMapping:
    """Say that whoever is in a group holds a role; the same again is the one that stands."""
    require(by, Permission.ROLE_GRANT)
    if source not in sources():
        raise Invalid(f'"{clean(source, field="source")}" is no source of groups here.', field="source")
    named = required(group, field="group", longest=200)
    known, reach = guards.known_role(role), guards.known_scope(scope, scope_key)
    said = required(reason, field="reason", lines=True)
    standing = (
        standing_mappings(source).filter(group=named, role=role, scope=reach, scope_key=scope_key).first()
    )
    if standing is not None:
        return standing
    row = GroupMapping.objects.create(
        source=source, group=named, role=known.key, scope=reach, scope_key=scope_key, made_by=by, reason=said
    )
    audit.record(by=by, action=EventName.MAPPING_MADE, subject=row, after=_told(row), reason=said)
    _follow_directory(by, source)
    return row


@transaction.atomic
def end_mapping(*, by: Person, mapping: GroupMapping, reason: str) -> GroupMapping:
    """A group is worth a role no more: everybody who held it by this mapping loses it now."""
    require(by, Permission.ROLE_GRANT)
    said = required(reason, field="reason", lines=True)
    if not GroupMapping.objects.filter(pk=mapping.pk, ended_at=None).update(ended_at=Now()):
        raise Refused("The mapping has ended already.")
    held = _standing(Q(mapping=mapping))
    for one in held:
        _end(one, by=by)
    before = _told(mapping)
    after = {**before, "ended": True, "roles_ended": len(held)}
    audit.record(
        by=by, action=EventName.MAPPING_ENDED, subject=mapping, before=before, after=after, reason=said
    )
    mapping.refresh_from_db()
    return mapping


def _told(row: GroupMapping) -> dict[str, object]:
    return {
        "source": row.source,
        "group": row.group,
        "role": row.role,
        "scope": row.scope,
        "scope_key": row.scope_key,
    }


def _follow_directory(by: Acting, source: str) -> None:
    """A new mapping counts at once for whom a directory keeps; at providers with the next sign-in."""
    for directory in directories():
        if directory_source(directory) == source:
            for account in DirectoryAccount.objects.filter(directory=directory).select_related("person"):
                follow_directory_groups(by=by, account=account)


def follow_directory_groups(*, by: Acting, account: DirectoryAccount) -> list[str]:
    """Give and end what the groups of the account's directory are worth now."""
    rows = DirectoryMember.objects.filter(account=account, group__removed_at=None)
    groups = set(rows.values_list("group__name", flat=True))
    source = directory_source(account.directory)
    return follow_groups(by=by, person=account.person, source=source, groups=groups)


@transaction.atomic
def follow_groups(*, by: Acting, person: Person, source: str, groups: Collection[str]) -> list[str]:
    """Give and end the roles that a source's groups are worth; the sentences of those refused."""
    wanted = list(standing_mappings(source).filter(group__in=groups)) if groups else []
    held = _standing(Q(grant__person=person, mapping__source=source))
    keep = {mapping.pk for mapping in wanted}
    for one in held:
        if one.mapping_id not in keep:
            _end(one, by=by)
    had = {one.mapping_id for one in held}
    refused = [_give(mapping, person, by=by) for mapping in wanted if mapping.pk not in had]
    return [sentence for sentence in refused if sentence]


def _standing(which: Q) -> list[MappedGrant]:
    rows = MappedGrant.objects.filter(which).exclude(grant__valid_to__lte=Now())
    return list(rows.select_related("grant__person", "mapping"))


def _give(mapping: GroupMapping, person: Person, *, by: Acting) -> str:
    """The sentence with which the role was refused; empty where it is held now."""
    where = {"role": mapping.role, "scope": mapping.scope, "scope_key": mapping.scope_key}
    if RoleGrant.objects.filter(person=person, **where).exclude(valid_to__lte=Now()).exists():
        return ""
    try:
        _may_hold(mapping, person)
    except Refused as refused:
        after = {**_told(mapping), "person": str(person.pk), "why": refused.code}
        audit.record(by=by, action=EventName.MAPPING_REFUSED, subject=mapping, after=after)
        return str(refused)
    reason = f'In the group "{mapping.group}" at {mapping.source}: {mapping.reason}'
    grant = RoleGrant.objects.create(person=person, granted_by=mapping.made_by, reason=reason, **where)
    MappedGrant.objects.create(grant=grant, mapping=mapping)
    after = {**where, "person": str(person.pk), "valid_to": None}
    audit.record(by=by, action=EventName.ROLE_GRANTED, subject=grant, after=after, reason=reason)
    return ""


def _may_hold(mapping: GroupMapping, person: Person) -> None:
    held = next(iter(Person.objects.select_for_update().filter(pk=person.pk)))
    role = guards.known_role(mapping.role)
    why_not_by(mapping, held)
    guards.fit_for(held, role)
    guards.duties_apart(
        held, role, scope=guards.known_scope(mapping.scope, mapping.scope_key), key=mapping.scope_key
    )


def _end(one: MappedGrant, *, by: Acting) -> None:
    grant = one.grant
    before = {
        "person": str(grant.person_id),
        "role": grant.role,
        "scope": grant.scope,
        "scope_key": grant.scope_key,
        "valid_to": grant.valid_to,
    }
    RoleGrant.objects.filter(pk=grant.pk).exclude(valid_to__lte=Now()).update(valid_to=Now())
    grant.refresh_from_db()
    after = {**before, "valid_to": grant.valid_to}
    reason = f'No longer in the group "{one.mapping.group}" at {one.mapping.source}, or the mapping ended.'
    audit.record(by=by, action=EventName.ROLE_ENDED, subject=grant, before=before, after=after, reason=reason)
