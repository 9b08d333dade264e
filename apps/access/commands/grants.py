"""Roles given and ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from apps.access import guards
from apps.access.guards import require
from apps.access.models import Person, RoleGrant
from apps.access.states import Permission, Scope
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.states import Acting

_SOON = timedelta(minutes=5)  # clocks differ by less


@transaction.atomic
def grant_role(
    *,
    by: Person,
    person: Person,
    role: str,
    scope: str = Scope.ORGANISATION,
    scope_key: str = "",
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
    reason: str,
) -> RoleGrant:
    """Give a role for a scope, from now or a later day on; the same grant again is the one that stands."""
    require(by, Permission.ROLE_GRANT)
    guards.grant_by_another(by, person)
    known, reach = guards.known_role(role), guards.known_scope(scope, scope_key)
    said = required(reason, field="reason", lines=True)
    held = _hold_human(person)
    guards.fit_for(held, known)
    guards.duties_apart(held, known, scope=reach, key=scope_key)
    begins = _begins(valid_from)
    if valid_to is not None and valid_to <= (begins or timezone.now()):
        raise Invalid("The grant would end before it begins.", field="valid_to")
    standing = _standing(held, role, reach, scope_key)
    if begins is None and standing is not None and standing.valid_to == valid_to:
        return standing
    grant = RoleGrant.objects.create(
        person=held,
        role=role,
        scope=reach,
        scope_key=scope_key,
        **({"valid_from": begins} if begins else {}),
        valid_to=valid_to,
        granted_by=by,
        reason=said,
    )
    audit.record(by=by, action=EventName.ROLE_GRANTED, subject=grant, after=_told(grant), reason=said)
    return grant


def _begins(told: datetime | None) -> datetime | None:
    """When a later grant begins; None for one that begins now, by the clock of the database."""
    if told is not None and told < timezone.now() - _SOON:
        raise Invalid("A grant does not begin in the past.", field="valid_from")
    return told if told is not None and told > timezone.now() else None


def _hold_human(person: Person) -> Person:
    """Lock every account of the human, so that two rival grants see each other."""
    rows = Person.objects.select_for_update().filter(identity=person.identity).order_by("pk")
    return next(row for row in rows if row.pk == person.pk)


def _standing(person: Person, role: str, scope: Scope, key: str) -> RoleGrant | None:
    rows = RoleGrant.objects.filter(
        person=person, role=role, scope=scope, scope_key=key, valid_from__lte=Now()
    )
    return rows.filter(Q(valid_to=None) | Q(valid_to__gt=Now())).first()


def _told(grant: RoleGrant) -> dict[str, object]:
    return {
        "person": str(grant.person_id),
        "role": grant.role,
        "scope": grant.scope,
        "scope_key": grant.scope_key,
        **({"valid_from": grant.valid_from} if grant.valid_from > grant.granted_at + _SOON else {}),
        "valid_to": grant.valid_to,
    }


@transaction.atomic
def end_grant(*, by: Person, grant: RoleGrant, reason: str) -> RoleGrant:
    """Take a role away from this moment on."""
    require(by, Permission.ROLE_GRANT)
    return end_held(by=by, grant=grant, reason=required(reason, field="reason", lines=True))


def end_held(*, by: Acting, grant: RoleGrant, reason: str) -> RoleGrant:
    """The end of a grant and its event, for commands that have asked who may."""
    before = _told(grant)
    ended = RoleGrant.objects.filter(pk=grant.pk).exclude(valid_to__lte=Now()).update(valid_to=Now())
    if not ended:
        raise Refused(f"The grant of {grant} has ended already.")
    grant.refresh_from_db()
    after = _told(grant)
    audit.record(by=by, action=EventName.ROLE_ENDED, subject=grant, before=before, after=after, reason=reason)
    return grant
