"""Environments, answers given, and what the gate would answer now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import OperationalError, connection
from django.db.models import Q, QuerySet

from apps.access.guards import may
from apps.access.models import Person
from apps.access.queries import visible_models
from apps.access.states import Permission
from apps.access.text import storable
from apps.access.tokens import token_digest, well_formed
from apps.audit.errors import Invalid, NotFound
from apps.audit.past import clock
from apps.deploys.facts import gather_everywhere
from apps.deploys.models import Admission, Environment
from apps.engine.admit import Admission as Answer
from apps.engine.admit import Request
from apps.inventory.models import ModelVersion, Use
from apps.inventory.sealed import Ground

PAGE = 50


def environments() -> list[Environment]:
    """Every declared environment, by key."""
    return list(Environment.objects.order_by("key"))


def deployable(
    version: ModelVersion, use: Use, *, ground: Ground | None = None
) -> list[tuple[Environment, Answer]]:
    """What the deploy gate would answer at this moment, by environment; nothing is written."""
    now, places = clock(), environments()
    everywhere = gather_everywhere(version, use, [*places], now, ground=ground)
    return [
        (place, gathered.answer(_request(version, use, place), now))
        for place, gathered in zip(places, everywhere, strict=True)
    ]


def would_answer(version: ModelVersion, use: Use, environment: Environment) -> Answer:
    """What the deploy gate would answer now, or at the second that is read of; nothing is written."""
    now = clock()
    gathered = gather_everywhere(version, use, [environment], now)[0]
    return gathered.answer(_request(version, use, environment), now)


def find_environment(key: str) -> Environment:
    """The environment, or NotFound."""
    found = Environment.objects.filter(key=key).first() if storable(key) else None
    if found is None:
        raise NotFound(f'There is no environment "{key}".', field="environment")
    return found


def _request(version: ModelVersion, use: Use, environment: Environment) -> Request:
    return Request(
        model=version.model.key,
        version=version.label,
        use=use.key,
        environment=environment.key,
        digest=version.digest,
    )


def visible_admissions(by: Person) -> QuerySet[Admission]:
    """Answers about models that the person may see, and those the person asked for.

    A request for something that nobody registered is shown to whoever sees answers of the whole organisation.
    """
    mine = Q(version__model__in=visible_models(by)) | Q(asked_by=by)
    if may(by, Permission.ADMISSION_SEE):
        mine |= Q(version=None)
    return Admission.objects.filter(mine).select_related("asked_by")


def find_admission(by: Person, admission_id: UUID) -> Admission:
    """One answer, or NotFound. Whoever asked for it, as pipelines do, costs one read by key."""
    own = Admission.objects.filter(pk=admission_id, asked_by=by).first()
    row = own or visible_admissions(by).filter(pk=admission_id).first()
    if row is None:
        raise NotFound(f"There is no admission {admission_id}.")
    return row


_OWN_ANSWER = """
SELECT a.answer FROM access_apitoken t
  JOIN access_person p ON p.id = t.person_id AND p.is_active
  JOIN deploys_admission a ON a.asked_by_id = p.id AND a.id = %s
 WHERE t.digest = %s AND t.revoked_at IS NULL AND t.expires_at > now()
"""


def own_answer(raw_token: str, admission_id: UUID) -> bytes | None:
    """The bytes of an answer that this token's own holder asked for: one statement, two index reads.

    None says nothing: the caller then goes the long way, which tells a wrong token from an unknown answer.
    """
    if not well_formed(raw_token):
        return None
    # Asking first whether the connection lives would double the wait.
    setattr(connection, "health_check_done", True)  # noqa: B010 - an attribute that Django's types leave out
    try:
        with connection.cursor() as cursor:
            cursor.execute(_OWN_ANSWER, [admission_id, token_digest(raw_token)])
            row = cursor.fetchone()
    except OperationalError:
        connection.close()  # the long way opens another, or says that the database is gone
        return None
    return None if row is None else bytes(row[0])


@dataclass(frozen=True, slots=True)
class Feed:
    """One page of answers and the cursor of the next."""

    rows: list[Admission]
    next: str | None


def decision_feed(by: Person, filters: Mapping[str, str], after: str | None) -> Feed:
    """Answers newest first, 50 a page; the cursor is the time and id of the last one shown."""
    rows = visible_admissions(by)
    if filters.get("model"):
        rows = rows.filter(model_key__icontains=filters["model"])
    if filters.get("environment"):
        rows = rows.filter(environment=filters["environment"])
    if filters.get("outcome"):
        rows = rows.filter(outcome=filters["outcome"])
    if after:
        at, key = _cursor(after)
        rows = rows.filter(Q(asked_at__lt=at) | Q(asked_at=at, pk__lt=key))
    found = list(rows.order_by("-asked_at", "-pk")[: PAGE + 1])
    more = len(found) > PAGE
    shown = found[:PAGE]
    return Feed(shown, f"{shown[-1].asked_at.isoformat()}~{shown[-1].pk}" if more else None)


def _cursor(text: str) -> tuple[datetime, UUID]:
    at, _, key = text.partition("~")
    try:
        moment = datetime.fromisoformat(at.replace(" ", "+"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)), UUID(key)
    except ValueError:
        raise Invalid("The cursor is not one that this list gave.", field="cursor") from None
