"""May it happen now? One function a question; each returns nothing or a word, or raises Refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from apps.access import queries
from apps.access.held import holds, holds_anywhere
from apps.access.models import LONGEST_TOKEN, Person, RoleGrant
from apps.access.roles import all_roles
from apps.access.states import (
    APPROVES,
    BUILDS,
    PERSONAL,
    ROLES,
    SIGNS,
    Permission,
    Role,
    Scope,
    Scoped,
    roles_with,
)
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused

if TYPE_CHECKING:
    from apps.inventory.models import RegisteredModel

REAUTHENTICATION = timedelta(minutes=15)


def may(by: Person, permission: Permission, subject: Scoped | None = None) -> bool:
    """Whether the person holds a permission on a subject now. Nothing stands above the grants."""
    found = holds(by, permission, subject)
    return _looked_up(by, permission, subject) if found is None else found


def _looked_up(by: Person, permission: Permission, subject: Scoped | None) -> bool:
    return queries.grants_of(by, permission).filter(queries.reaching(subject)).exists()


def require(by: Person, permission: Permission, subject: Scoped | None = None) -> None:
    """Forbidden unless the person holds the permission on the subject, or everywhere."""
    if may(by, permission, subject):
        return
    if by.token is not None and (permission in PERSONAL or permission not in by.token.scopes):
        raise Forbidden(f"The token {by.token} does not carry {permission}.")
    raise Forbidden(f"{_only(permission)} may do this{_of(subject)}; you do not hold that role there.")


def require_anywhere(by: Person, permission: Permission) -> None:
    """Forbidden unless the person holds the permission for some part of the organisation."""
    if not holds_anywhere(by, permission):
        raise Forbidden(f"{_only(permission)} may do this; you do not hold that role.")


def may_anywhere(by: Person, permission: Permission) -> bool:
    """Whether the person holds the permission for some part of the organisation."""
    return holds_anywhere(by, permission)


def _only(permission: Permission) -> str:
    # The shipped ones: a page asks this for each greyed button, and none of them costs a query.
    titles = [ROLES[key].title for key in roles_with(permission)]
    return f"Only the role {' or '.join(titles)}"


def _of(subject: Scoped | None) -> str:
    return "" if subject is None else f" for {subject}"


def why_not(guard: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The sentence with which a guard refuses, or nothing: what a page shows beside a greyed button."""
    try:
        guard(*args, **kwargs)
    except Refused as refused:
        return str(refused)
    return ""


def require_reauthentication(at: datetime | None) -> None:
    """Refused unless the person proved who they are within the last quarter of an hour."""
    now = timezone.now()
    if at is None or not timedelta(0) <= now - at <= REAUTHENTICATION:
        minutes = int(REAUTHENTICATION.total_seconds() // 60)
        raise Refused(
            f"Please confirm your password first: a signature needs one from the last {minutes} minutes.",
            code="reauthenticate",
        )


def own_account(by: Person) -> None:
    """Refused for a token: what guards an account is its person's own."""
    if by.token is not None or by.is_service:
        raise Forbidden("A token cannot change what guards an account; its person does, signed in.")


def owes_factor(person: Person, *, here: bool = False) -> bool:
    """Whether the settings ask this person for a second factor, and there is none.

    What a provider proved in this session counts, unless it must be a factor kept `here`.
    """
    wanted = settings.SECOND_FACTOR
    if wanted == "optional" or (person.proved_twice and not here) or queries.has_factor(person):
        return False
    return wanted == "everybody" or bool(queries.permissions_anywhere(person) & SIGNS)


def require_factor(person: Person, *, here: bool = False) -> None:
    """Refused where a second factor is owed."""
    if owes_factor(person, here=here):
        raise Refused(
            "Signing, granting and releasing need a second factor: add one under Your account first.",
            code="second_factor",
        )


def built(person: Person, model: RegisteredModel) -> str:
    """How this human, in any account, made or owns the model: “you own it”, or nothing."""
    if model.owner.identity == person.identity:
        return f"you own {model.key}"
    rows = queries.inventory("Contribution").objects.filter(
        version__model_id=model.pk, person__identity=person.identity
    )
    found = rows.values_list("part", "version__label").order_by("pk").first()
    return f"you are a {found[0]} of {model.key}@{found[1]}" if found else ""


def known_role(key: str) -> Role:
    """The role of that name."""
    found = all_roles()
    if key not in found:
        raise Invalid(f'There is no role "{key}"; the roles are {", ".join(found)}.', field="role")
    return found[key]


def known_scope(scope: str, key: str) -> Scope:
    """The scope, when what it names exists."""
    if scope not in list(Scope):
        raise Invalid(f'There is no scope "{scope}"; it is {", ".join(Scope)}.', field="scope")
    if scope == Scope.ORGANISATION:
        if key:
            raise Invalid("A grant for the whole organisation names no unit and no model.", field="scope_key")
        return Scope.ORGANISATION
    table = "BusinessUnit" if scope == Scope.UNIT else "RegisteredModel"
    if not queries.inventory(table).objects.filter(key=key).exists():
        raise NotFound(f'There is no {scope} "{key}".', field="scope_key")
    return Scope(scope)


def grant_by_another(by: Person, person: Person) -> None:
    """Refused where somebody would give a role to themselves, in any account."""
    if by.identity == person.identity:
        raise Forbidden("Nobody grants a role to themselves; another administrator does it.")


def fit_for(person: Person, role: Role) -> None:
    """Refused for an account that may not hold the role."""
    if not person.is_active:
        raise Refused(f"{person.username} is disabled and cannot be given a role.")
    if person.is_service and role.permissions & PERSONAL:
        raise Refused(f"{person.username} is a service account; {role.title} signs, and only people sign.")


def duties_apart(person: Person, role: Role, *, scope: Scope, key: str) -> None:
    """Refused where one human would both build and approve the same models."""
    if not role.permissions & (BUILDS | APPROVES):
        return
    others = RoleGrant.objects.filter(person__identity=person.identity).exclude(valid_to__lte=Now())
    roles = all_roles()
    for held in others.select_related("person"):
        other, where = roles.get(held.role), (held.scope, held.scope_key)
        if other is not None and clash(role, other) and scopes_meet((scope, key), where):
            raise Refused(
                f"{held.person.username} is {other.title} for {told_scope(*where)}; {person.username} cannot "
                f"also be {role.title} for {told_scope(scope, key)}: nobody both builds and approves.",
                code="separation_of_duties",
            )


def clash(one: Role, other: Role) -> bool:
    """Whether one of two roles builds and the other approves."""
    pairs = ((one, other), (other, one))
    return any(a.permissions & BUILDS and b.permissions & APPROVES for a, b in pairs)


def scopes_meet(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two scopes have a model in common, now or later."""
    kinds = {one[0], other[0]}
    if Scope.ORGANISATION in kinds:
        return True
    if len(kinds) == 1:
        return one[1] == other[1]
    unit, model = (one[1], other[1]) if one[0] == Scope.UNIT else (other[1], one[1])
    found: bool = queries.inventory("RegisteredModel").objects.filter(key=model, unit__key=unit).exists()
    return found


def told_scope(scope: str, key: str) -> str:
    """A scope as a person says it."""
    return "the whole organisation" if scope == Scope.ORGANISATION else f"the {scope} {key}"


def token_for(by: Person, person: Person) -> None:
    """Refused unless it is one's own token, or a service account's and one manages people."""
    require_anywhere(by, Permission.TOKEN_ISSUE)
    if not person.is_active:
        raise Refused(f"{person.username} is disabled and cannot be given a token.")
    if person.pk == by.pk:
        return
    if not person.is_service:
        raise Forbidden("A token acts as its person: nobody issues one for somebody else.")
    require(by, Permission.PERSON_MANAGE)


def token_scopes(person: Person, scopes: Iterable[str]) -> list[str]:
    """The permissions that a token may carry: some of the person's own, and none that signs."""
    wanted = sorted(set(scopes))
    if not wanted:
        raise Invalid("A token needs at least one permission.", field="scopes")
    held = queries.held_anywhere(person)
    for scope in wanted:
        if scope not in list(Permission):
            raise Invalid(f'There is no permission "{scope}".', field="scopes")
        if scope in PERSONAL:
            raise Refused(f"A token cannot carry {scope}: that is done by a person, with a password.")
        if scope not in held:
            raise Refused(f"{person.username} does not hold {scope}, so a token cannot carry it.")
    return wanted


def token_days(days: int) -> timedelta:
    """How long a token may live."""
    if not 1 <= days <= LONGEST_TOKEN.days:
        raise Invalid(f"A token lives 1 to {LONGEST_TOKEN.days} days, not {days}.", field="days")
    return timedelta(days=days)
