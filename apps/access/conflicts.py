"""Who holds what does not go together, and where: by grants, by history, by two accounts of one human."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.apps import apps
from django.db.models import Exists, F, OuterRef, Q

from apps.access.guards import clash, scopes_meet, told_scope
from apps.access.models import Person, RoleGrant
from apps.access.queries import inventory, standing_grants
from apps.access.roles import all_roles
from apps.access.states import APPROVES, Role

MOST = 500


@dataclass(frozen=True, slots=True)
class Conflict:
    """One thing that does not go together, and what keeps it from doing harm."""

    kind: str
    people: tuple[Person, ...]
    where: str
    sentence: str


def conflicts() -> list[Conflict]:
    """Everything that an administrator should look at, the gravest kinds first."""
    return [*_own_signatures(), *_by_grants(), *_by_history(), *_accounts()][:MOST]


def _by_grants() -> Iterator[Conflict]:
    """Grants that build and approve the same models, where somebody came past the walls."""
    known = all_roles()
    held: dict[str, list[RoleGrant]] = defaultdict(list)
    for row in standing_grants().select_related("person").order_by("person__username", "pk"):
        if row.role in known:
            held[row.person.identity].append(row)
    for rows in held.values():
        for number, one in enumerate(rows):
            for other in rows[number + 1 :]:
                if _meet(known, one, other):
                    yield _told(known, one, other)


def _meet(known: Mapping[str, Role], one: RoleGrant, other: RoleGrant) -> bool:
    places = (one.scope, one.scope_key), (other.scope, other.scope_key)
    return clash(known[one.role], known[other.role]) and scopes_meet(*places)


def _told(known: Mapping[str, Role], one: RoleGrant, other: RoleGrant) -> Conflict:
    parts = [
        f"{row.person.username} is {known[row.role].title} for {told_scope(row.scope, row.scope_key)}"
        for row in (one, other)
    ]
    people = tuple({row.person.pk: row.person for row in (one, other)}.values())
    where = told_scope(one.scope, one.scope_key)
    return Conflict("roles", people, where, f"{' and '.join(parts)}: end one of the two.")


def _by_history() -> Iterator[Conflict]:
    """Whoever once built a model, or owns it, and holds a role that could approve it now."""
    known = all_roles()
    approving = [key for key, role in known.items() if role.permissions & APPROVES]
    holders: dict[str, list[RoleGrant]] = defaultdict(list)
    for row in standing_grants().filter(role__in=approving).select_related("person").order_by("pk"):
        holders[row.person.identity].append(row)
    for model, identity, part in _builders(list(holders)):
        for row in holders[identity]:
            if scopes_meet((row.scope, row.scope_key), ("model", model)):
                sentence = (
                    f"{row.person.username} is {part} of {model} and {known[row.role].title} there; "
                    "the service refuses their signature on it."
                )
                yield Conflict("history", (row.person,), f"the model {model}", sentence)
                break


def _builders(identities: list[str]) -> list[tuple[str, str, str]]:
    """The model, the human and the part: each once, of these humans."""
    rows = inventory("Contribution").objects.filter(person__identity__in=identities)
    made = rows.values_list("version__model__key", "person__identity", "part").distinct()
    owned = inventory("RegisteredModel").objects.filter(owner__identity__in=identities)
    owners = [(key, identity, "owner") for key, identity in owned.values_list("key", "owner__identity")]
    found: dict[tuple[str, str], str] = {}
    for model, identity, part in sorted([*owners, *made]):
        found.setdefault((model, identity), part)
    return [(model, identity, part) for (model, identity), part in found.items()]


def _own_signatures() -> Iterator[Conflict]:
    """Signatures of people who built or own the model: refused when given, but a model may change hands."""
    signed = apps.get_model("approvals", "SignOff").objects.filter(meaning="approve")
    model = OuterRef("approval__version__model_id")
    contributions = inventory("Contribution").objects.filter(version__model_id=model)
    built = Exists(contributions.filter(person__identity=OuterRef("identity")))
    rows = signed.filter(Q(identity=F("approval__version__model__owner__identity")) | built)
    for row in rows.select_related("person", "approval__version__model").order_by("-signed_at")[:MOST]:
        version = row.approval.version
        sentence = (
            f"{row.person.username} signed {version} on {row.signed_at:%Y-%m-%d} and built or owns "
            f"{version.model.key}: have somebody else look at that approval."
        )
        yield Conflict("signature", (row.person,), f"the model {version.model.key}", sentence)


def _accounts() -> Iterator[Conflict]:
    """Active accounts that belong to one human, who counts once."""
    rows = Person.objects.filter(is_active=True, is_service=False).order_by("identity", "username")
    found: dict[str, list[Person]] = defaultdict(list)
    for row in rows:
        found[row.identity].append(row)
    for accounts in found.values():
        if len(accounts) > 1:
            names = ", ".join(row.username for row in accounts)
            sentence = f"{names} are accounts of one person, who counts once everywhere."
            yield Conflict("accounts", tuple(accounts), told_scope("organisation", ""), sentence)
