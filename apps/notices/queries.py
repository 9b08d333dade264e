"""The reads: endpoints and deliveries for those who look after them, notices for whom they are."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet

from apps.access.guards import may
from apps.access.models import Person
from apps.access.queries import visible_models
from apps.access.states import Permission
from apps.audit.errors import NotFound
from apps.notices.models import Delivery, Endpoint, Notice, Reminder, Subscription
from apps.notices.states import TOPICS, Told, Topic


def manages(by: Person) -> bool:
    """Whether somebody looks after webhooks."""
    return may(by, Permission.INTEGRATION_MANAGE)


def to_agree(by: Person) -> QuerySet[Endpoint]:
    """Endpoints of one's own that hear nothing until one agrees."""
    rows = Endpoint.objects.filter(owner_id=by.pk, agreed_at=None, stopped_at=None)
    return rows.select_related("added_by").order_by("-added_at")


def visible_endpoints(by: Person) -> QuerySet[Endpoint]:
    """Every endpoint for those who look after them; one's own for everybody else."""
    rows = Endpoint.objects.select_related("owner", "added_by").annotate(
        waiting=Count("deliveries", filter=Q(deliveries__due_at__isnull=False)),
        dead=Count("deliveries", filter=Q(deliveries__dead_at__isnull=False)),
    )
    if may(by, Permission.INTEGRATION_MANAGE):
        return rows
    return rows.filter(owner_id=by.pk) if by.pk is not None else rows.none()


def find_endpoint(by: Person, endpoint_id: UUID | str) -> Endpoint:
    """The endpoint, or NotFound."""
    try:
        row = visible_endpoints(by).filter(pk=endpoint_id).first()
    except (ValidationError, ValueError):
        row = None
    if row is None:
        raise NotFound(f"There is no endpoint {endpoint_id}.")
    return row


def deliveries_of(endpoint: Endpoint) -> QuerySet[Delivery]:
    """What an endpoint was told or is to be told, newest first."""
    return endpoint.deliveries.prefetch_related("tries").order_by("-made_at", "-id")


def find_delivery(by: Person, delivery_id: UUID | str) -> Delivery:
    """A delivery to an endpoint that the person may see, or a letter for those who look after them."""
    mine = Q(endpoint__in=visible_endpoints(by).values("pk"))
    letters = Q(channel="letter") if may(by, Permission.INTEGRATION_MANAGE) else Q(pk=None)
    try:
        row = Delivery.objects.select_related("endpoint__owner", "person").filter(mine | letters)
        found = row.filter(pk=delivery_id).first()
    except (ValidationError, ValueError):
        found = None
    if found is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    return found


def dead_letters() -> QuerySet[Delivery]:
    """Letters to people that were given up."""
    rows = Delivery.objects.filter(channel="letter", dead_at__isnull=False)
    return rows.select_related("person").prefetch_related("tries").order_by("-dead_at")


def dead_count() -> int:
    """How many deliveries of any kind were given up and not sent again."""
    return Delivery.objects.filter(dead_at__isnull=False).count()


def notices_of(by: Person) -> QuerySet[Notice]:
    """One's own notices, newest first, without those of models that one may no longer see."""
    seen = Q(model_key="") | Q(model_key__in=visible_models(by).values("key"))
    return Notice.objects.filter(seen, person_id=by.pk, listed=True)


def unread(by: Person) -> int:
    """How many of one's notices were not read; counted up to a hundred."""
    return len(notices_of(by).filter(read_at=None).order_by().values_list("pk")[:100])


def find_notice(by: Person, notice_id: int) -> Notice:
    """One of one's own notices, or NotFound."""
    row = notices_of(by).filter(pk=notice_id).first()
    if row is None:
        raise NotFound("You have no such notice.")
    return row


def subscriptions_of(person: Person) -> list[tuple[Topic, Told, Subscription | None]]:
    """Each topic, as it is told, with what the person chose."""
    chosen = {row.topic: row for row in Subscription.objects.filter(person=person)}
    return [(topic, told, chosen.get(topic)) for topic, told in TOPICS.items()]


def agreements_asked(by: Person) -> QuerySet[Endpoint]:
    """Endpoints that wait until this person agrees that they hear what the person may see."""
    return Endpoint.objects.filter(owner_id=by.pk, agreed_at=None).select_related("added_by")


def due_deliveries(now: datetime) -> QuerySet[Delivery]:
    """What is to be sent now and that nobody is sending."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    to_letters = Q(channel="letter")
    to_endpoint = Q(endpoint__stopped_at=None, endpoint__agreed_at__isnull=False) & (
        Q(endpoint__open_until=None) | Q(endpoint__open_until__lte=now)
    )
    return Delivery.objects.filter(free, to_letters | to_endpoint, due_at__lte=now).order_by("due_at")


def reminders_about(thing: str, thing_id: str) -> QuerySet[Reminder]:
    """What was said of a thing's dates, newest first."""
    return Reminder.objects.filter(thing=thing, thing_id=thing_id)
