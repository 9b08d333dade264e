"""Who may sign for a role that a policy names: a shipped one, or one of the installation's own by name."""

from __future__ import annotations

from collections.abc import Iterable

from apps.access.guards import may
from apps.access.models import Person
from apps.access.queries import people_with, reaching, standing_grants
from apps.access.roles import own_roles
from apps.access.states import Permission, Role
from apps.engine.policy.vocabulary import OWN
from apps.gates.quorum import REVIEWS, SIGNS
from apps.inventory.models import RegisteredModel


def own_role(role: str) -> Role | None:
    """The installation's own role of a step, while it lets anybody review."""
    found = own_roles().get(role.removeprefix(OWN)) if role.startswith(OWN) else None
    return found if found is not None and found.permissions & REVIEWS else None


def reviews_of(role: str) -> list[Permission]:
    """The permissions by which a role signs: what is handed on with reviews of that kind."""
    if role in SIGNS:
        return [SIGNS[role]]
    found = own_role(role)
    return sorted(found.permissions & REVIEWS) if found is not None else []


def may_sign_for(by: Person, role: str, model: RegisteredModel) -> bool:
    """Whether a person holds what a step of the role asks for, on a model, now."""
    if role in SIGNS:
        return may(by, SIGNS[role], model)
    found = own_role(role)
    if found is None or by.pk is None or by.token is not None:
        return False
    return standing_grants().filter(reaching(model), person_id=by.pk, role=found.key).exists()


def signers_of(roles: Iterable[str], model: RegisteredModel) -> list[Person]:
    """Active people who hold what one of these roles asks for, on a model, now; each once."""
    found: dict[int, Person] = {}
    for role in roles:
        rows = people_with(SIGNS[role], model) if role in SIGNS else _holding(role, model)
        found |= {person.pk: person for person in rows}
    return list(found.values())


def _holding(role: str, model: RegisteredModel) -> Iterable[Person]:
    found = own_role(role)
    if found is None:
        return []
    grants = standing_grants().filter(reaching(model), role=found.key)
    people = Person.objects.filter(is_service=False, pk__in=grants.values("person_id"))
    return people.order_by("name", "pk")


def unknown_roles(roles: Iterable[str]) -> list[str]:
    """Of the roles that steps name, those of the installation's own that are not there or review nothing."""
    return sorted({role for role in roles if role not in SIGNS and own_role(role) is None})
