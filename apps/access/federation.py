"""What is known of people through others: providers, identities, what groups are worth."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase

from apps.access.federation_models import DirectoryAccount, ExternalIdentity, GroupMapping
from apps.access.guards import grant_by_another
from apps.access.models import Person
from apps.access.providers import Provider
from apps.access.roles import keys_with
from apps.access.states import Permission
from apps.audit.errors import NotFound

# Where a session holds by which provider it was opened, and whether that counted as two factors.
FEDERATED = "federated"
Handler = Callable[[HttpRequest], HttpResponseBase]


def providers() -> dict[str, Provider]:
    """The providers of this installation by their keys."""
    found: dict[str, Provider] = settings.OIDC_PROVIDERS
    return found


def find_provider(key: str) -> Provider:
    """The provider of that key; NotFound for everything else."""
    found = providers().get(key)
    if found is None:
        raise NotFound("There is no such provider here.")
    return found


def linked(issuer: str, subject: str) -> Person | None:
    """Whose identity that is now."""
    rows = ExternalIdentity.objects.filter(issuer=issuer, subject=subject, ended_at=None)
    row = rows.select_related("person").first()
    return row.person if row else None


def identities_of(person: Person) -> QuerySet[ExternalIdentity]:
    """How others know the person now."""
    return ExternalIdentity.objects.filter(person_id=person.pk, ended_at=None).order_by("linked_at", "pk")


def own_identity(by: Person, identity_id: int) -> ExternalIdentity:
    """One of one's own identities; NotFound for everything else."""
    found = identities_of(by).filter(pk=identity_id).first()
    if found is None:
        raise NotFound("You have no such identity.")
    return found


def find_identity(identity_id: int) -> ExternalIdentity:
    """An identity that stands; for those who manage people."""
    found = ExternalIdentity.objects.filter(pk=identity_id, ended_at=None).select_related("person").first()
    if found is None:
        raise NotFound("There is no such identity.")
    return found


def standing_identities() -> QuerySet[ExternalIdentity]:
    """Every identity that stands, by person."""
    rows = ExternalIdentity.objects.filter(ended_at=None).select_related("person", "linked_by")
    return rows.order_by("person__username", "pk")


def standing_mappings(source: str = "") -> QuerySet[GroupMapping]:
    """The mappings that stand, of one source or of all."""
    rows = GroupMapping.objects.filter(ended_at=None).select_related("made_by")
    return (rows.filter(source=source) if source else rows).order_by("source", "group", "role", "pk")


def find_mapping(mapping_id: int) -> GroupMapping:
    """A mapping that stands."""
    found = standing_mappings().filter(pk=mapping_id).first()
    if found is None:
        raise NotFound("There is no such mapping; it may have ended.")
    return found


def directories() -> QuerySet[Person]:
    """The service accounts that may keep people by SCIM."""
    rows = Person.objects.filter(
        is_service=True, is_active=True, grants__role__in=keys_with(Permission.PERSON_PROVISION)
    )
    return rows.distinct().order_by("username")


def directory_source(directory: Person) -> str:
    """What mappings of groups call a directory."""
    return f"scim:{directory.username}"


def sources() -> list[str]:
    """Everything whose groups can be worth a role."""
    found = [one.source for one in providers().values() if one.groups_claim]
    return found + [directory_source(one) for one in directories()]


def kept_accounts() -> QuerySet[DirectoryAccount]:
    """Every account that a directory keeps, by person."""
    rows = DirectoryAccount.objects.select_related("person", "directory")
    return rows.order_by("person__username")


def subject_digest(issuer: str, subject: str) -> str:
    """What stands for somebody unknown in the trail: no name that a stranger chose."""
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).hexdigest()


def why_not_by(mapping: GroupMapping, person: Person) -> None:
    """Refused where the person's own mapping would give them the role."""
    grant_by_another(mapping.made_by, person)


def notice_provider(get_response: Handler) -> Handler:
    """A session that a provider opened ends with the provider, and tells whether two factors were proved."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        told: dict[str, Any] | None = request.session.get(FEDERATED)
        if told is not None and isinstance(request.user, Person):
            _note(request, request.user, told)
        return get_response(request)

    return handle


def _note(request: HttpRequest, person: Person, told: dict[str, Any]) -> None:
    provider = providers().get(told.get("provider", ""))
    if provider is None or not _still(person, told):
        logout(request)
        return
    person.proved_twice = told.get("two_factors") is True and bool(provider.amr or provider.acr)


def _still(person: Person, told: dict[str, Any]) -> bool:
    return identities_of(person).filter(pk=told.get("identity", 0)).exists()
