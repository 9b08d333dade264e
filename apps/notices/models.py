"""What the house tells outwards: endpoints, deliveries, notices to people. None of it decides anything."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.audit.states import Ref
from apps.notices.states import Channel, EndpointKind, Mail, Topic

PERSON = settings.AUTH_USER_MODEL


class Follower(models.Model):
    """How many leaves of the log were read; the one row moves with what was made of them."""

    k = models.SmallIntegerField(primary_key=True, default=1)
    read = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(k=1), name="notices_follower_is_one")]

    def __str__(self) -> str:
        return f"{self.read} leaves read"


class Endpoint(models.Model):
    """A place outside that is told of events. It hears what its owner may see, and nothing before they agree.

    The address is locked: those of chats are secrets.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=10, choices=[(k, k) for k in EndpointKind])
    address = models.BinaryField()
    # Scheme, host and port: what may be shown.
    place = models.CharField(max_length=300)
    events = models.JSONField(default=list)
    unit_key = models.CharField(max_length=200, blank=True)
    model_key = models.CharField(max_length=200, blank=True)
    owner = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    added_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    agreed_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    stopped_why = models.CharField(max_length=300, blank=True)
    # The circuit: failures in a row, and until when nothing is tried.
    failures = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(stopped_at__isnull=True, stopped_why="")
                | (Q(stopped_at__isnull=False) & ~Q(stopped_why="")),
                name="endpoint_stopped_with_reason",
            ),
            models.CheckConstraint(condition=Q(unit_key="") | Q(model_key=""), name="endpoint_of_one_scope"),
        ]

    def __str__(self) -> str:
        return self.name

    def audit_ref(self) -> Ref:
        return Ref(type="endpoint", id=str(self.pk), name=self.name)


class EndpointSecret(models.Model):
    """A secret that signs for an endpoint, locked. While one follows another both sign."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="secrets")
    locked = models.BinaryField()
    made_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-made_at", "-id"]

    def __str__(self) -> str:
        return f"secret of {self.endpoint}"


class Delivery(models.Model):
    """Something to be sent, and how that went. Its id stays the same however often it is sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.CharField(max_length=10, choices=[(c, c) for c in Channel])
    endpoint = models.ForeignKey(Endpoint, null=True, on_delete=models.PROTECT, related_name="deliveries")
    person = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    # The event told of; of a trial or a letter, what makes it be made once.
    about = models.CharField(max_length=80)
    kind = models.CharField(max_length=80)
    model_key = models.CharField(max_length=200, blank=True)
    body = models.BinaryField(default=b"")
    made_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    hinted_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    # Where the schedule begins again after somebody sent it once more.
    since_replay = models.PositiveIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True)
    dead_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-made_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "about"], name="delivered_once_an_event"),
            models.UniqueConstraint(
                fields=["person", "about"], condition=Q(channel="letter"), name="one_letter_a_purpose"
            ),
            models.CheckConstraint(
                condition=Q(channel="endpoint", endpoint__isnull=False, person__isnull=True)
                | Q(channel="letter", endpoint__isnull=True, person__isnull=False),
                name="delivery_goes_somewhere",
            ),
            models.CheckConstraint(
                condition=Q(due_at__isnull=False, delivered_at__isnull=True, dead_at__isnull=True)
                | Q(due_at__isnull=True, delivered_at__isnull=False, dead_at__isnull=True)
                | Q(due_at__isnull=True, delivered_at__isnull=True, dead_at__isnull=False),
                name="delivery_waits_or_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="deliveries_due"),
            models.Index(fields=["endpoint", "-made_at"], name="deliveries_of_endpoint"),
            models.Index(fields=["-dead_at"], condition=Q(dead_at__isnull=False), name="deliveries_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.endpoint or self.person}"

    def audit_ref(self) -> Ref:
        where = self.endpoint.name if self.endpoint else "a letter"
        return Ref(type="delivery", id=str(self.pk), name=f"{self.kind} to {where}")


class Attempt(models.Model):
    """One try to deliver and what was answered. A fact."""

    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="tries")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    said = models.CharField(max_length=300)

    class Meta:
        ordering = ["-number", "-id"]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.said}"


class Subscription(models.Model):
    """What somebody wants to hear of one topic, where that differs from the topic's own."""

    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    topic = models.CharField(max_length=20, choices=[(t, t) for t in Topic])
    listed = models.BooleanField(default=True)
    mail = models.CharField(max_length=10, choices=[(m, m) for m in Mail])
    # Only about the models of one unit, or about one model; empty: about all.
    unit_key = models.CharField(max_length=200, blank=True)
    model_key = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "topic"], name="subscribed_once")]

    def __str__(self) -> str:
        return f"{self.topic}: {self.mail}"

    def audit_ref(self) -> Ref:
        return Ref(type="subscription", id=str(self.pk), name=self.topic)


class Notice(models.Model):
    """A line for one person. It is made once for what it is about, and shown while they may see the model."""

    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    about = models.CharField(max_length=160)
    topic = models.CharField(max_length=20, choices=[(t, t) for t in Topic])
    text = models.CharField(max_length=500)
    link = models.CharField(max_length=300, blank=True)
    model_key = models.CharField(max_length=200, blank=True)
    made_at = models.DateTimeField()
    listed = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True)
    mail = models.CharField(max_length=10, choices=[(m, m) for m in Mail])
    letter = models.ForeignKey(Delivery, null=True, on_delete=models.PROTECT, related_name="notices")

    class Meta:
        ordering = ["-made_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["person", "about"], name="noticed_once")]
        indexes = [
            models.Index(fields=["person", "-made_at"], name="notices_of_person"),
            models.Index(fields=["person"], condition=Q(read_at=None, listed=True), name="notices_unread"),
            models.Index(
                fields=["mail"], condition=Q(letter=None) & ~Q(mail="never"), name="notices_for_letters"
            ),
        ]

    def __str__(self) -> str:
        return self.text

    def audit_ref(self) -> Ref:
        return Ref(type="notice", id=str(self.pk), name=self.topic)


class Reminder(models.Model):
    """That a step was reached and told: thirty days before an end, the day after, the next level. A fact."""

    step = models.CharField(max_length=160, unique=True)
    thing = models.CharField(max_length=40)
    thing_id = models.CharField(max_length=80)
    model_key = models.CharField(max_length=200, blank=True)
    text = models.CharField(max_length=500)
    escalated = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["thing", "thing_id"], name="reminders_of_a_thing")]

    def __str__(self) -> str:
        return self.text

    def audit_ref(self) -> Ref:
        return Ref(type=self.thing, id=self.thing_id, name=self.text[:200])
