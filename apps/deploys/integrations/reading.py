"""What is set up, what came in, and what waits to be told; secrets leave only here, unlocked in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Now

from apps.access.guards import may, require
from apps.access.locked import unlock
from apps.access.models import Person
from apps.access.queries import permissions_anywhere
from apps.access.states import Permission
from apps.access.text import storable
from apps.audit.errors import NotFound
from apps.deploys.integrations.kinds import KINDS, Kind
from apps.deploys.models import Binding, Inbound, Integration, IntegrationSecret, Question
from apps.inventory.models import RegisteredModel

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """One integration as its page shows it."""

    row: Integration
    kind: Kind
    secrets: Mapping[str, list[IntegrationSecret]]
    bindings: list[Binding]
    deliveries: list[Inbound]
    questions: list[Question]


def integrations(by: Person) -> QuerySet[Integration]:
    """Every integration, with the time of what came in last."""
    require(by, Permission.INTEGRATION_MANAGE)
    return Integration.objects.select_related("account").annotate(last=Max("deliveries__received_at"))


def find_integration(by: Person, integration_id: UUID) -> Integration:
    """One integration; NotFound for whoever does not manage them, too."""
    rows = Integration.objects.select_related("account", "made_by")
    found = rows.filter(pk=integration_id).first() if may(by, Permission.INTEGRATION_MANAGE) else None
    if found is None:
        raise NotFound("There is no such integration.")
    return found


def standing_of(row: Integration) -> Standing:
    """An integration with all that belongs to it; what came in last comes first."""
    secrets: dict[str, list[IntegrationSecret]] = {}
    for secret in secrets_in_force(row):
        secrets.setdefault(secret.name, []).append(secret)
    return Standing(
        row=row,
        kind=KINDS[row.kind],
        secrets=secrets,
        bindings=list(bindings_of(row).select_related("made_by")),
        deliveries=list(row.deliveries.all()[:SHOWN]),
        questions=list(row.questions.select_related("admission", "inbound")[:SHOWN]),
    )


@dataclass(frozen=True, slots=True)
class Called:
    """An integration that was called, as whom it acts, and what may prove who called."""

    row: Integration
    account: Person
    secrets: list[bytes]


def called_at(kind: str, integration_id: UUID) -> Called | None:
    """The integration that an address below /hooks/ belongs to, while it is enabled."""
    rows = Integration.objects.select_related("account")
    row = rows.filter(pk=integration_id, kind=kind, enabled=True, account__is_active=True).first()
    return None if row is None else Called(row, row.account, unlocked(row, "webhook"))


def secrets_in_force(row: Integration) -> QuerySet[IntegrationSecret]:
    """The secrets that hold now, newest first; two of a name while one is rotated."""
    holds = Q(ends_at=None) | Q(ends_at__gt=Now())
    return IntegrationSecret.objects.filter(holds, integration=row).order_by("-made_at", "-pk")


def unlocked(row: Integration, name: str) -> list[bytes]:
    """The secrets of that name that hold now, newest first; without any nothing can be proved."""
    found = (
        unlock(bytes(s.locked), for_what=purpose(row, name)) for s in secrets_in_force(row).filter(name=name)
    )
    return [secret for secret in found if secret]


def purpose(row: Integration, name: str) -> str:
    """What a secret of an integration is locked for: it opens under no other."""
    return f"integration {row.pk} {name}"


def bindings_of(row: Integration) -> QuerySet[Binding]:
    """The bindings that hold now."""
    rows = Binding.objects.filter(integration=row, ended_at=None).select_related("model", "environment")
    return rows.order_by("source", "place", "model__key")


def bound(row: Integration, source: str, place: str) -> list[Binding]:
    """The bindings that speak of a repository and of what it calls the place, the closest one first.

    One that names both comes before one for every repository, and hides it for that place.
    """
    fits = Q(source=source) | Q(source=""), Q(place=place) | Q(place="")
    rows = sorted(bindings_of(row).filter(*fits), key=lambda b: (b.source == "", b.place == "", b.pk))
    closest = [(b.source, b.place) for b in rows[:1]]
    return [b for b in rows if (b.source, b.place) in closest]


def accounts() -> list[Person]:
    """The service accounts that may ask the deploy gate for something."""
    services = Person.objects.filter(is_service=True, is_active=True).order_by("username")
    return [one for one in services if Permission.ADMISSION_ASK in permissions_anywhere(one)]


def due_questions(*, patience: timedelta) -> QuerySet[Question]:
    """Questions that are to be asked or told again, the one that waits longest first."""
    return Question.objects.filter(told_at=None, next_at__lte=Now() - patience).order_by("next_at")


def find_bindable(by: Person, key: str) -> RegisteredModel:
    """A model by its key: who sets integrations up sees no evidence, but may name any model."""
    require(by, Permission.INTEGRATION_MANAGE)
    found = RegisteredModel.objects.filter(key=key).first() if storable(key) else None
    if found is None:
        raise NotFound(f"There is no model “{key[:80]}”.", field="model")
    return found
