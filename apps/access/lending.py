"""Reviews handed to somebody for a time: who acts for whom, where, and what that forbids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from apps.access.guards import known_scope, may, told_scope
from apps.access.models import LONGEST_DELEGATION, Delegation, Person
from apps.access.queries import inventory, reaching
from apps.access.states import Permission, Reach, Scope
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused

if TYPE_CHECKING:
    from apps.inventory.models import RegisteredModel

LENT = (Permission.APPROVAL_VALIDATE, Permission.APPROVAL_RISK, Permission.APPROVAL_COMMITTEE)


@dataclass(frozen=True, slots=True)
class Place:
    """A scope as a thing that grants can reach."""

    scope: Scope
    key: str

    def access_reach(self) -> Reach:
        if self.scope == Scope.UNIT:
            return Reach(unit=self.key)
        if self.scope == Scope.MODEL:
            model = inventory("RegisteredModel").objects.select_related("unit").get(key=self.key)
            return Reach(unit=model.unit.key, model=model.key)
        return Reach()

    def __str__(self) -> str:
        return told_scope(self.scope, self.key)


def place(scope: str, key: str) -> Place:
    """The scope, when what it names exists."""
    return Place(known_scope(scope, key), key)


def lendable(permission: str) -> Permission:
    """A permission to review, which is all that is handed on."""
    if permission not in LENT:
        raise Invalid(f"Only reviews are handed on: {', '.join(LENT)}.", field="permission")
    return Permission(permission)


def both_hold(giver: Person, taker: Person, permission: Permission, where: Place) -> None:
    """Refused unless both may do it there already: handing on widens nothing."""
    if giver.token is not None:
        raise Forbidden("A token hands no reviews on; its person does, signed in.")
    if not may(giver, permission, where):
        raise Forbidden(f"You do not hold {permission} for {where}, so you cannot hand it on.")
    if giver.identity == taker.identity:
        raise Refused("Reviews are handed to somebody else, not to another account of yours.")
    if taker.is_service or not taker.is_active or not may(taker, permission, where):
        raise Refused(
            f"{taker.username} does not hold {permission} for {where}; handing a review on widens nothing."
        )


def no_chain(giver: Person, taker: Person, permission: Permission, until: datetime) -> None:
    """Refused where one of the two stands in another handing on of the same at that time."""
    rows = open_now().filter(permission=permission, valid_from__lt=until)
    held = rows.filter(delegate__identity=giver.identity).select_related("delegator").first()
    if held is not None:
        raise Refused(f"You act for {held.delegator.name} yourself; what was handed to you is not handed on.")
    given = rows.filter(delegator__identity=taker.identity).select_related("delegate").first()
    if given is not None:
        raise Refused(
            f"{taker.name} has handed their reviews to {given.delegate.name}; choose somebody else."
        )


def until_in_time(valid_to: datetime) -> datetime:
    """When it ends: later than now, within the longest time."""
    now = timezone.now()
    if not now < valid_to <= now + LONGEST_DELEGATION - timedelta(minutes=5):
        raise Invalid(
            f"Reviews are handed on for at most {LONGEST_DELEGATION.days} days from now.", field="valid_to"
        )
    return valid_to


def open_now() -> QuerySet[Delegation]:
    """Those that have not ended."""
    return Delegation.objects.filter(ended_at=None, valid_to__gt=Now())


def standing_at(at: datetime | Now) -> QuerySet[Delegation]:
    """Those that stood at a moment."""
    ended_later = Q(ended_at=None) | Q(ended_at__gt=at)
    rows = Delegation.objects.filter(ended_later, valid_from__lte=at, valid_to__gt=at)
    return rows.select_related("delegator", "delegate")


def acted_for(
    identity: str, permission: Permission | None, model: RegisteredModel, at: datetime | Now
) -> list[Person]:
    """For whom this human acted at a moment, on a model."""
    rows = standing_at(at).filter(reaching(model), delegate__identity=identity, permission=permission)
    return [row.delegator for row in rows]


def acted_by(
    identity: str, permission: Permission | None, model: RegisteredModel, at: datetime | Now
) -> list[Person]:
    """Who acted for this human at a moment, on a model."""
    rows = standing_at(at).filter(reaching(model), delegator__identity=identity, permission=permission)
    return [row.delegate for row in rows]


def pairs_at(at: datetime) -> list[tuple[str, str, str, str, str]]:
    """Permission, scope, its key, the human who hands on and the one who acts: all that stood at a moment."""
    fields = ("permission", "scope", "scope_key", "delegator__identity", "delegate__identity")
    return list(standing_at(at).order_by("pk").values_list(*fields))


def names(people: Iterable[Person]) -> str:
    """As a page says for whom somebody signed."""
    return ", ".join(person.name for person in people)


def own(by: Person) -> QuerySet[Delegation]:
    """What the person handed on and what was handed to them, newest first."""
    mine = Q(delegator__identity=by.identity) | Q(delegate__identity=by.identity)
    return Delegation.objects.filter(mine).select_related("delegator", "delegate", "ended_by")


def visible(by: Person, *, all_of_them: bool) -> QuerySet[Delegation]:
    """Everybody's for those who see everybody, else one's own."""
    return Delegation.objects.select_related("delegator", "delegate", "ended_by") if all_of_them else own(by)


def find(rows: QuerySet[Delegation], key: int) -> Delegation:
    """One of those that one may see."""
    found = rows.filter(pk=key).first()
    if found is None:
        raise NotFound("There is no such handing on of reviews.")
    return found
