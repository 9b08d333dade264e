"""Who may see and do what. Nothing is remembered between calls: a role that ends, ends at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.dateparse import parse_datetime

from apps.access.models import ApiToken, Person, RecoveryCode, RoleGrant, SecondFactor
from apps.access.roles import carrying, roles_by_key
from apps.access.states import PERSONAL, Permission, Reach, Role, Scope, Scoped
from apps.access.text import storable
from apps.access.tokens import token_digest, well_formed
from apps.access.within import Within
from apps.audit.errors import NotFound

if TYPE_CHECKING:
    from apps.inventory.models import RegisteredModel

OPENED = "opened"  # where a session says when, where and with which program it was opened


def standing_grants() -> QuerySet[RoleGrant]:
    """Grants that hold at this moment, by the clock of the database, of people who may sign in."""
    ended = Q(valid_to__isnull=False, valid_to__lte=Now())
    return RoleGrant.objects.filter(~ended, valid_from__lte=Now(), person__is_active=True)


def grants_of(by: Person, permission: Permission) -> QuerySet[RoleGrant]:
    """The person's grants that carry a permission now; none when the token in use does not."""
    if by.pk is None or not carried(by, permission):
        return RoleGrant.objects.none()
    return standing_grants().filter(carrying(permission), person_id=by.pk)


def carried(by: Person, permission: Permission) -> bool:
    """Whether the token in use lets a permission through, if one is in use."""
    return by.token is None or (permission in by.token.scopes and permission not in PERSONAL)


def reaching(subject: Scoped | None) -> Q:
    """Which scopes of a grant reach a subject; without a subject only the whole organisation does."""
    reach = Reach() if subject is None else subject.access_reach()
    found = Q(scope=Scope.ORGANISATION)
    if reach.unit is not None:
        keys = [reach.unit] if isinstance(reach.unit, str) else reach.unit
        found |= Q(scope=Scope.UNIT, scope_key__in=keys)
    if reach.model is not None:
        found |= Q(scope=Scope.MODEL, scope_key=reach.model)
    return found


def inventory(name: str) -> Any:
    """A table of the inventory by its name: it stands above this app, which therefore cannot import it."""
    return apps.get_model("inventory", name)


def models_with(by: Person, permission: Permission) -> QuerySet[RegisteredModel]:
    """Every model on which the person holds a permission, as one query that others build on."""
    within = Within(grants_of(by, permission))
    rows: QuerySet[RegisteredModel] = inventory("RegisteredModel").objects.filter(within)
    return rows


def visible_models(by: Person) -> QuerySet[RegisteredModel]:
    """Every model that the person may see."""
    return models_with(by, Permission.MODEL_SEE)


def people_with(permission: Permission, subject: Scoped | None = None) -> QuerySet[Person]:
    """Active people, no service accounts, who hold a permission on a subject now."""
    grants = standing_grants().filter(reaching(subject), carrying(permission))
    return Person.objects.filter(is_service=False, pk__in=grants.values("person_id")).order_by("name", "pk")


def permissions_on(by: Person, subject: Scoped | None = None) -> frozenset[Permission]:
    """Everything that the person may do with a subject now, in one query."""
    if by.pk is None:
        return frozenset()
    roles = standing_grants().filter(reaching(subject), person_id=by.pk).values_list("role", flat=True)
    held = {permission for role in roles_by_key(roles).values() for permission in role.permissions}
    return frozenset(permission for permission in held if carried(by, permission))


def held_anywhere(by: Person) -> frozenset[Permission]:
    """Everything that the person may do somewhere now."""
    return frozenset(p for role in roles_held(by) for p in role.permissions if carried(by, p))


def permissions_anywhere(person: Person) -> frozenset[Permission]:
    """Everything that the roles of an account hold somewhere now, whoever asks."""
    return frozenset(p for role in roles_held(person) for p in role.permissions)


def roles_held(by: Person) -> list[Role]:
    """The roles that the person holds anywhere now, in the order of the table of roles."""
    return list(
        roles_by_key(standing_grants().filter(person_id=by.pk).values_list("role", flat=True)).values()
    )


def roles_and_reach(by: Person) -> tuple[list[Role], list[Role]]:
    """The roles that the person holds anywhere, and those held for the whole organisation, in one query."""
    rows = list(standing_grants().filter(person_id=by.pk).values_list("role", "scope"))
    roles = roles_by_key(role for role, _ in rows)
    whole = {role for role, scope in rows if scope == Scope.ORGANISATION}
    return list(roles.values()), [role for key, role in roles.items() if key in whole]


def visible_grants(by: Person) -> QuerySet[RoleGrant]:
    """Every grant for those who manage people, one's own for everybody else."""
    rows = RoleGrant.objects.select_related("person", "granted_by").order_by("person__username", "role", "pk")
    if grants_of(by, Permission.PERSON_MANAGE).filter(scope=Scope.ORGANISATION).exists():
        return rows
    return rows.filter(person_id=by.pk)


def visible_people(by: Person) -> QuerySet[Person]:
    """Everybody for those who manage people or read the trail, oneself for everybody else."""
    looks = carrying(Permission.PERSON_MANAGE) | carrying(Permission.EVENT_SEE)
    wide = standing_grants().filter(looks, person_id=by.pk, scope=Scope.ORGANISATION)
    rows = Person.objects.order_by("username")
    return rows if by.token is None and wide.exists() else rows.filter(pk=by.pk)


def tokens_of(by: Person) -> QuerySet[ApiToken]:
    """The person's own tokens and those they issued, newest first."""
    rows = ApiToken.objects.filter(Q(person_id=by.pk) | Q(issued_by_id=by.pk))
    return rows.select_related("person", "issued_by").order_by("-created_at", "-pk")


def find_person(username: str) -> Person:
    """The person of that name; NotFound when there is none."""
    row = Person.objects.filter(username=username).first() if storable(username) else None
    if row is None:
        raise NotFound(f'There is no person "{username}".')
    return row


def signed_in(user: object) -> Person | None:
    """The person of a session, while they may sign in; None for a visitor."""
    return user if isinstance(user, Person) and user.is_active else None


def authenticate_token(raw: str) -> Person | None:
    """Whose token this is, or None. It is found by its digest, so that no secret is ever compared."""
    if not well_formed(raw):
        return None
    rows = ApiToken.objects.select_related("person", "issued_by").filter(
        digest=token_digest(raw), revoked_at=None, expires_at__gt=Now(), person__is_active=True
    )
    token = rows.first()
    if token is None:
        return None
    token.person.token = token
    return token.person


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that somebody is signed in with; its key is a secret and never shown."""

    session_key: str
    opened: datetime | None
    seen: datetime | None
    address: str
    program: str

    @property
    def handle(self) -> str:
        """What stands for the key on pages."""
        return session_handle(self.session_key)


def session_handle(key: str | None) -> str:
    return hashlib.sha256((key or "").encode()).hexdigest()[:20]


def sessions_of(person: Person) -> list[OpenSession]:
    """The open sessions of a person, the one seen last first."""
    rows = Session.objects.filter(expire_date__gt=Now()).iterator(chunk_size=500)
    held = [(row.session_key, row.get_decoded()) for row in rows]
    found = [_session(key, data) for key, data in held if data.get("_auth_user_id") == str(person.pk)]
    return sorted(found, key=lambda one: one.seen or datetime.min.replace(tzinfo=UTC), reverse=True)


def _session(key: str, data: dict[str, Any]) -> OpenSession:
    told = data.get(OPENED) or {}
    seen = data.get("seen_at")
    return OpenSession(
        session_key=key,
        opened=parse_datetime(told.get("at", "")),
        seen=datetime.fromtimestamp(seen, UTC) if isinstance(seen, int | float) else None,
        address=str(told.get("address", "")),
        program=str(told.get("program", "")),
    )


def factors_of(person: Person) -> QuerySet[SecondFactor]:
    """The second factors that a person has now, oldest first."""
    return SecondFactor.objects.filter(person_id=person.pk, removed_at=None).order_by("added_at", "pk")


def has_factor(person: Person) -> bool:
    """Whether the password alone does not let this person in."""
    return factors_of(person).exists()


def recovery_codes_left(person: Person) -> int:
    """How many recovery codes have not been used."""
    return RecoveryCode.objects.filter(person_id=person.pk, used_at=None).count()


def own_factor(by: Person, factor_id: int) -> SecondFactor:
    """One of one's own second factors; NotFound for everything else."""
    found = factors_of(by).filter(pk=factor_id).first()
    if found is None:
        raise NotFound("You have no such second factor.")
    return found


def own_token(by: Person, token_id: int) -> ApiToken:
    """A token of one's own or that one issued; NotFound for everything else."""
    found = tokens_of(by).filter(pk=token_id).first()
    if found is None:
        raise NotFound("You have no such token.")
    return found


def find_active_person(pk: int) -> Person | None:
    """The person of that number, while they may sign in."""
    return Person.objects.filter(pk=pk, is_active=True, is_service=False).first()
