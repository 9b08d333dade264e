"""What those who look after people see of them: lists, one person's roles, and why somebody may do what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from apps.access import guards
from apps.access.models import ApiToken, Person, RoleGrant, SecondFactor
from apps.access.queries import (
    grants_of,
    inventory,
    reaching,
    standing_grants,
    visible_models,
    visible_people,
)
from apps.access.roles import all_roles
from apps.access.states import APPROVES, Permission, Role, Scope
from apps.access.text import storable
from apps.audit.errors import Forbidden, Invalid, NotFound

if TYPE_CHECKING:
    from apps.inventory.models import RegisteredModel

STATES = ("active", "disabled")


def may_oversee(by: Person) -> None:
    """Forbidden unless the person manages people or reads the trail, for the whole organisation."""
    if not oversees(by):
        raise Forbidden("Only who manages people or reads the audit trail sees everybody.")


def oversees(by: Person) -> bool:
    """Whether the person sees everybody."""
    whole = Q(scope=Scope.ORGANISATION)
    wanted = (Permission.PERSON_MANAGE, Permission.EVENT_SEE)
    return by.token is None and any(grants_of(by, one).filter(whole).exists() for one in wanted)


def people(by: Person, *, q: str = "", role: str = "", state: str = "") -> QuerySet[Person]:
    """Everybody that the person may see, narrowed by a word, a role held now and a state."""
    may_oversee(by)
    factor = SecondFactor.objects.filter(person=OuterRef("pk"), removed_at=None)
    rows = visible_people(by).annotate(has_second=Exists(factor))
    if q:
        words = (
            Q(username__icontains=q) | Q(name__icontains=q) | Q(email__icontains=q) | Q(identity__iexact=q)
        )
        rows = rows.filter(words)
    if role:
        rows = rows.filter(pk__in=standing_grants().filter(role=role).values("person_id"))
    if state in STATES:
        rows = rows.filter(is_active=state == "active")
    elif state == "service":
        rows = rows.filter(is_service=True)
    return rows


def roles_of(rows: Iterable[Person]) -> Mapping[int, list[str]]:
    """By account, the titles of the roles held now."""
    known, found = all_roles(), dict[int, list[str]]()
    held = standing_grants().filter(person__in=list(rows)).order_by("role").values_list("person_id", "role")
    for key, role in held:
        title = known[role].title if role in known else role
        if title not in found.setdefault(key, []):
            found[key].append(title)
    return found


def overseen(by: Person, username: str) -> Person:
    """The account of that name, for oneself and for those who see everybody; NotFound for the rest."""
    row = visible_people(by).filter(username=username).first() if storable(username) else None
    if row is None:
        raise NotFound(f'There is no person "{username}".')
    return row


def accounts_of(person: Person) -> QuerySet[Person]:
    """The other accounts of the same human."""
    return Person.objects.filter(identity=person.identity).exclude(pk=person.pk).order_by("username")


@dataclass(frozen=True, slots=True)
class Held:
    """A grant as people read it."""

    grant: RoleGrant
    title: str
    where: str
    stands: str


def grants_told(person: Person, now: datetime) -> list[Held]:
    """Every grant of an account, past, present and future: those that hold first."""
    known = all_roles()
    rows = RoleGrant.objects.filter(person=person).select_related("granted_by").order_by("-valid_from", "-pk")
    found = [_held(row, known, now) for row in rows]
    order = ("now", "later", "ended")
    return sorted(found, key=lambda one: order.index(one.stands))


def _held(row: RoleGrant, known: Mapping[str, Role], now: datetime) -> Held:
    title = known[row.role].title if row.role in known else f"{row.role} (retired)"
    stands = "later" if row.valid_from > now else "now"
    if row.valid_to is not None and row.valid_to <= now:
        stands = "ended"
    return Held(row, title, guards.told_scope(row.scope, row.scope_key), stands)


@dataclass(frozen=True, slots=True)
class Effective:
    """A permission that somebody has, and each grant that it comes from."""

    permission: Permission
    why: tuple[Held, ...]


def effective(person: Person, now: datetime) -> list[Effective]:
    """What an account may do now and why: each permission, the roles and the grants behind it."""
    known = all_roles()
    rows = standing_grants().filter(person=person).select_related("granted_by").order_by("role", "pk")
    held = [_held(row, known, now) for row in rows]
    return [
        Effective(permission, why)
        for permission in Permission
        if (why := tuple(h for h in held if permission in _permissions(known, h.grant.role)))
    ]


def _permissions(known: Mapping[str, Role], key: str) -> frozenset[Permission]:
    return known[key].permissions if key in known else frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether somebody may do something with a model, in one sentence."""

    allowed: bool
    sentence: str


def may_told(person: Person, permission: str, model: RegisteredModel | None) -> Answer:
    """“May they do this with that model?”, answered by the guard that would be asked."""
    if permission not in list(Permission):
        raise Invalid(f'There is no permission "{permission}".', field="permission")
    wanted = Permission(permission)
    if not person.is_active:
        return Answer(False, f"{person.username} is disabled.")
    why_not = guards.why_not(guards.require, person, wanted, model)
    if why_not:
        return Answer(False, why_not)
    if model is not None and wanted in APPROVES:
        part = guards.built(person, model)
        if part:
            told = part.replace("you are", "they are", 1).replace("you own", "they own", 1)
            return Answer(False, f"{person.username} holds {wanted}, but {told}.")
    return Answer(True, _by_which(person, wanted, model))


def model_of(by: Person, key: str) -> RegisteredModel:
    """The model that a question is about: one that the asker may see, or any for those who see everybody."""
    rows = inventory("RegisteredModel").objects.all() if oversees(by) else visible_models(by)
    found: RegisteredModel | None = rows.filter(key=key).first() if storable(key) else None
    if found is None:
        raise NotFound(f'There is no model "{key}".', field="model")
    return found


def _by_which(person: Person, permission: Permission, model: RegisteredModel | None) -> str:
    rows = grants_of(person, permission).filter(reaching(model)).select_related("granted_by")
    known, found = all_roles(), rows.order_by("pk").first()
    if found is None:  # it ended between the two looks
        return f"{person.username} holds {permission}."
    title = known[found.role].title if found.role in known else found.role
    giver = found.granted_by.name if found.granted_by else "the installer"
    where = guards.told_scope(found.scope, found.scope_key)
    return f"{person.username} holds {permission} as {title} for {where}, given by {giver}: {found.reason}"


def tokens(by: Person, *, person: Person | None = None) -> QuerySet[ApiToken]:
    """Every token, newest first: for those who look after people."""
    may_oversee(by)
    rows = ApiToken.objects.select_related("person", "issued_by").order_by("-created_at", "-pk")
    rows = rows.annotate(used_on=Max("uses__day"))
    return rows if person is None else rows.filter(person=person)


def valid(rows: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
    """Those of them that still let somebody in."""
    return rows.filter(revoked_at=None, expires_at__gt=Now(), person__is_active=True)


def units_told() -> list[tuple[Any, int]]:
    """The business units, each with the number of its models."""
    rows = inventory("BusinessUnit").objects.order_by("title")
    return [(unit, unit.models_here) for unit in rows.annotate(models_here=Count("models"))]


def find_unit(by: Person, key: str) -> Any:
    """One of all units, for those who see everybody; NotFound for the rest."""
    rows = inventory("BusinessUnit").objects.all()
    found = rows.filter(key=key).first() if oversees(by) and storable(key) else None
    if found is None:
        raise NotFound(f'There is no business unit "{key[:80]}".')
    return found


def by_unit() -> Mapping[str, list[Held]]:
    """By the key of a unit, the grants that hold for it now."""
    known, now = all_roles(), timezone.now()
    rows = standing_grants().filter(scope=Scope.UNIT).select_related("person", "granted_by")
    found: dict[str, list[Held]] = {}
    for row in rows.order_by("role", "person__username"):
        found.setdefault(row.scope_key, []).append(_held(row, known, now))
    return found


def find_token(by: Person, token_id: int) -> ApiToken:
    """One of all tokens, for those who look after people."""
    found = tokens(by).filter(pk=token_id).first() if oversees(by) else None
    if found is None:
        raise NotFound("There is no such token.")
    return found


def find_grant(by: Person, username: str, grant_id: int) -> RoleGrant:
    """A grant of a person whom one may see."""
    found = RoleGrant.objects.filter(person=overseen(by, username), pk=grant_id).first()
    if found is None:
        raise NotFound(f"{username} has no such grant.")
    return found


def find_factor(by: Person, username: str, factor_id: int) -> SecondFactor:
    """A second factor of a person whom one may see."""
    rows = SecondFactor.objects.filter(person=overseen(by, username), removed_at=None)
    found = rows.filter(pk=factor_id).first()
    if found is None:
        raise NotFound(f"{username} has no such second factor.")
    return found
