"""Where a person holds a permission now, read by statements that are written once in a process."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import BigIntegerField, CharField, OuterRef, Q, QuerySet, Subquery

from apps.access.models import Person, RoleGrant
from apps.access.queries import carried, inventory, standing_grants
from apps.access.roles import roles_by_key
from apps.access.states import Permission, Reach, Scope, Scoped
from apps.audit.composed import Among, Composed, Slot

_PERSON = Slot("person", BigIntegerField())
_UNITS, _MODEL = Slot("units", CharField()), Slot("model", CharField())


def _whole_and(reached: Q) -> QuerySet[RoleGrant, str]:
    grants = standing_grants().filter(Q(scope=Scope.ORGANISATION) | reached, person_id=_PERSON)
    return grants.values_list("role", flat=True)


_REACHING = Composed(
    lambda: _whole_and(
        Q(Among("scope_key", _UNITS), scope=Scope.UNIT) | Q(scope=Scope.MODEL, scope_key=_MODEL)
    )
)
_ANYWHERE = Composed(lambda: standing_grants().filter(person_id=_PERSON).values_list("role", flat=True))


def holds(by: Person, permission: Permission, subject: Scoped | None = None) -> bool | None:
    """Whether the person holds a permission on a subject; None where the subject's unit must be looked up."""
    if by.pk is None or not carried(by, permission):
        return False
    reach = Reach() if subject is None else subject.access_reach()
    units = [] if reach.unit is None else [reach.unit] if isinstance(reach.unit, str) else reach.unit
    if not isinstance(units, list):
        return None
    # No grant names the empty text: a subject without a model is reached by no grant for one.
    return _carries(_REACHING.all(person=by.pk, units=units, model=reach.model or ""), permission)


def holds_anywhere(by: Person, permission: Permission) -> bool:
    """Whether the person holds a permission for some part of the organisation."""
    if by.pk is None or not carried(by, permission):
        return False
    return _carries(_ANYWHERE.all(person=by.pk), permission)


def _carries(rows: list[tuple[str]], permission: Permission) -> bool:
    return any(permission in role.permissions for role in roles_by_key(key for (key,) in rows).values())


@dataclass(frozen=True, slots=True)
class Held:
    """Where a permission is held: everywhere, or in units by their numbers and on models by their keys."""

    everywhere: bool = False
    units: tuple[int, ...] = ()
    models: tuple[str, ...] = ()

    def models_within(self) -> Q:
        """The condition for models; nothing for whoever holds it nowhere."""
        return Q() if self.everywhere else Q(unit_id__in=self.units) | Q(key__in=self.models)


def _with_units() -> QuerySet[RoleGrant, tuple[str, str, str, int | None]]:
    unit = inventory("BusinessUnit").objects.filter(key=OuterRef("scope_key")).values("pk")[:1]
    grants = standing_grants().filter(person_id=_PERSON)
    return grants.values_list("role", "scope", "scope_key", Subquery(unit))


_SCOPES = Composed(_with_units)


def held(by: Person, permission: Permission) -> Held:
    """Where the person holds a permission."""
    if by.pk is None or not carried(by, permission):
        return Held()
    rows = _SCOPES.all(person=by.pk)
    roles = roles_by_key(role for role, _, _, _ in rows)
    carrying = {key for key, role in roles.items() if permission in role.permissions}
    mine = [(scope, key, unit) for role, scope, key, unit in rows if role in carrying]
    return Held(
        everywhere=any(scope == Scope.ORGANISATION for scope, _, _ in mine),
        units=tuple({unit for scope, _, unit in mine if scope == Scope.UNIT and unit is not None}),
        models=tuple({key for scope, key, _ in mine if scope == Scope.MODEL}),
    )
