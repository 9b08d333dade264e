"""The log: events as exact bytes, the Merkle tree over them, sealed statements and public keys.

Every table here is written once; triggers refuse UPDATE, DELETE and TRUNCATE except where the
docstring of a table says otherwise.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from apps.audit.states import Ref
from apps.engine.keys import KeyRecord, Purpose


class LeafHash(models.Func):
    """RFC 6962: SHA-256 over a zero byte and the entry."""

    template = "sha256(decode('00', 'hex') || %(expressions)s)"


class Event(models.Model):
    """One entry of the trail. `body` is the record; every other column only indexes it."""

    id = models.UUIDField(primary_key=True, editable=False)
    body = models.BinaryField()
    leaf_hash = models.GeneratedField(
        expression=LeafHash("body"), output_field=models.BinaryField(), db_persist=True
    )
    occurred_at = models.DateTimeField()
    # Filled by the database from the body, and from its own clock.
    recorded_at = models.DateTimeField(null=True, editable=False)
    doc = models.JSONField(null=True, editable=False)
    action = models.TextField(editable=False)
    actor_type = models.TextField(editable=False)
    actor_id = models.TextField(editable=False)
    object_type = models.TextField(editable=False)
    object_id = models.TextField(editable=False)

    class Meta:
        ordering = ["-occurred_at", "-id"]
        indexes = [
            models.Index(fields=["object_id", "object_type", "occurred_at"], name="audit_event_thing"),
            models.Index(fields=["actor_id", "occurred_at"], name="audit_event_actor"),
            models.Index(fields=["action", "occurred_at"], name="audit_event_action"),
            models.Index(fields=["object_type", "occurred_at"], name="audit_event_kind"),
            models.Index(fields=["-occurred_at", "-id"], name="audit_event_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"


class Personal(models.Model):
    """A name or address that an event holds only as a salted digest. Erasing a person deletes these."""

    # Written with its event in one statement, so the database need not look for it again.
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="personal", db_constraint=False)
    part = models.TextField()
    person_id = models.TextField(db_index=True)
    salt = models.BinaryField()
    value = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "part"], name="audit_personal_once")]

    def __str__(self) -> str:
        return f"{self.part} of {self.event_id}"


class Pending(models.Model):
    """An event that is not yet in the tree. Filled by trigger, emptied by the sequencer alone."""

    enq = models.BigAutoField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="pending", db_constraint=False)

    def __str__(self) -> str:
        return str(self.event_id)


class Leaf(models.Model):
    """The place of an event in the tree; indexes start at 0 and have no gaps."""

    idx = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="leaf")
    leaf_hash = models.BinaryField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(idx__gte=0), name="audit_leaf_from_zero")]

    def __str__(self) -> str:
        return f"#{self.idx}"


class Node(models.Model):
    """The hash of a complete subtree of 256, 65536, … leaves, so that a proof reads few rows."""

    pk = models.CompositePrimaryKey("level", "idx")
    level = models.SmallIntegerField()
    idx = models.BigIntegerField()
    hash = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.level}/{self.idx}"


class TreeState(models.Model):
    """The one row that says how far the tree has grown. Changed by the sequencer alone."""

    k = models.SmallIntegerField(primary_key=True, default=1)
    size = models.BigIntegerField(default=0)
    frontier = models.BinaryField(default=b"")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(k=1), name="audit_tree_is_one")]

    def __str__(self) -> str:
        return f"{self.size} leaves"


class Checkpoint(models.Model):
    """A signed note of the tree's size and root."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["-size"]

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Statement(models.Model):
    """The canonical bytes of a fact and the envelope that signs them."""

    digest = models.CharField(max_length=71, primary_key=True)
    predicate_type = models.TextField(db_index=True)
    # ["sha256:…", …]: what the statement is about.
    subjects = models.JSONField()
    payload = models.BinaryField()
    envelope = models.BinaryField()
    key_id = models.CharField(max_length=71)
    signed_at = models.DateTimeField()
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="statements")

    def __str__(self) -> str:
        return self.digest

    def audit_ref(self) -> Ref:
        return Ref(type="statement", id=self.digest, name=self.predicate_type, digest=self.digest)


class SigningKey(models.Model):
    """The public half of a service key. When it stopped counting stands in `KeyEnd`."""

    key_id = models.CharField(max_length=71, primary_key=True)
    purpose = models.CharField(max_length=20, choices=[(p.value, p.value) for p in Purpose])
    public = models.BinaryField()
    valid_from = models.DateTimeField()
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.purpose} key {self.key_id[:19]}…"

    def audit_ref(self) -> Ref:
        return Ref(type="key", id=self.key_id, name=f"{self.purpose} key", digest=self.key_id)

    def record(self) -> KeyRecord:
        ends: dict[bool, datetime] = {}
        for end in self.ends.all():  # of several the earliest holds
            ends[end.revoked] = min(end.at, ends.get(end.revoked, end.at))
        return KeyRecord(
            public=bytes(self.public),
            purpose=Purpose(self.purpose),
            valid_from=self.valid_from,
            valid_to=ends.get(False),
            revoked_at=ends.get(True),
        )


class KeyEnd(models.Model):
    """From when a key no longer counts: put away in good order, or revoked because it may be stolen.

    The moment of a theft may turn out to be earlier than was thought; the earliest row holds.
    """

    key = models.ForeignKey(SigningKey, on_delete=models.PROTECT, related_name="ends")
    revoked = models.BooleanField()
    at = models.DateTimeField()
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-revoked", "at"]
        constraints = [models.UniqueConstraint(fields=["key", "revoked", "at"], name="audit_key_end_once")]

    def __str__(self) -> str:
        return f"{'revoked' if self.revoked else 'retired'} at {self.at}"


class Cosignature(models.Model):
    """A witness's signature line over a checkpoint."""

    origin = models.TextField()
    size = models.BigIntegerField()
    witness = models.TextField()
    line = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["origin", "size", "witness"], name="audit_cosigned_once")
        ]

    def __str__(self) -> str:
        return f"{self.witness} on {self.size}"


class TimeStamp(models.Model):
    """The time stamp of an authority outside over a digest: of a checkpoint, or of a statement."""

    digest = models.CharField(max_length=71, db_index=True)
    about = models.TextField()
    token = models.BinaryField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.about} at {self.at}"


class AnchorPlace(models.Model):
    """A place outside that checkpoints go to, and how the newest tries went. The anchorer changes it."""

    name = models.TextField(primary_key=True)
    kind = models.TextField()
    since = models.DateTimeField()
    origin = models.TextField(default="")
    size = models.BigIntegerField(null=True)
    # A witness's newest signature line: what it says of its time needs no trust in this row.
    proof = models.TextField(default="")
    succeeded_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    failure = models.TextField(default="")

    def __str__(self) -> str:
        return self.name


class LogStop(models.Model):
    """Why nothing more is written: empty while all is well. Filled and emptied by the log's own writers."""

    k = models.SmallIntegerField(primary_key=True, default=1)
    reason = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(k=1), name="audit_stop_is_one")]

    def __str__(self) -> str:
        return self.reason


class EpochProposal(models.Model):
    """What one person says was lost, and asks another to begin a new log after."""

    number = models.SmallIntegerField()
    origin = models.TextField()
    # The newest checkpoint of the log before, and how much of it the database still holds.
    after_origin = models.TextField()
    after_size = models.BigIntegerField()
    after_root = models.BinaryField()
    base = models.BigIntegerField()
    reason = models.TextField()
    proposed_by = models.TextField()
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"epoch {self.number} from {self.base}"

    def audit_ref(self) -> Ref:
        return Ref(type="epoch", id=str(self.number), name=self.origin)


class Epoch(models.Model):
    """A log begun anew by two people after events were lost."""

    number = models.SmallIntegerField(primary_key=True)
    proposal = models.OneToOneField(EpochProposal, on_delete=models.PROTECT, related_name="epoch")
    proposed_by = models.TextField()
    confirmed_by = models.TextField()
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(confirmed_by=models.F("proposed_by")), name="audit_epoch_takes_two"
            )
        ]

    def __str__(self) -> str:
        return f"epoch {self.number}"

    def audit_ref(self) -> Ref:
        return Ref(type="epoch", id=str(self.number), name=self.proposal.origin)


class LegalHold(models.Model):
    """Nothing that it covers is removed until another person releases it. A fact.

    It covers a model by its key, a span of days, both, or without either the whole organisation.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    model = models.TextField(blank=True)
    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)
    reason = models.TextField()
    # Numbers as text: the log stands below the people it speaks of.
    placed_by = models.TextField()
    placed_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-placed_at"]
        constraints = [
            models.UniqueConstraint(fields=["id", "placed_by"], name="audit_hold_of_one"),
            models.CheckConstraint(
                condition=Q(first_day__isnull=True, last_day__isnull=True)
                | Q(first_day__isnull=False, last_day__isnull=False, last_day__gte=F("first_day")),
                name="audit_hold_has_both_days",
            ),
        ]

    def __str__(self) -> str:
        days = f" from {self.first_day} to {self.last_day}" if self.first_day else ""
        return f"{self.model or 'everything'}{days}"

    def audit_ref(self) -> Ref:
        return Ref(type="legal_hold", id=str(self.pk), name=str(self))


class HoldRelease(models.Model):
    """The end of a legal hold, by another person than who placed it. A fact."""

    hold = models.OneToOneField(LegalHold, on_delete=models.PROTECT, related_name="release")
    placed_by = models.TextField()
    reason = models.TextField()
    released_by = models.TextField()
    released_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(released_by=F("placed_by")), name="audit_hold_released_by_another"
            )
        ]

    def __str__(self) -> str:
        return f"release of {self.hold_id}"

    def audit_ref(self) -> Ref:
        return Ref(type="hold_release", id=str(self.pk), name=str(self), digest=self.statement_digest)
