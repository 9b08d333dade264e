from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Concat, Lower

from apps.access.states import Reach
from apps.audit.states import Ref
from apps.engine.determination import OUTCOMES
from apps.inventory.models_lineage import LineageEdge as LineageEdge
from apps.inventory.models_lineage import LineageEvent as LineageEvent
from apps.inventory.models_lineage import LineageNode as LineageNode
from apps.inventory.states import CONVERSION_MOVES, ConversionState, DocumentKind, ModelKind, Part

PERSON = settings.AUTH_USER_MODEL


class BusinessUnit(models.Model):
    key = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.title

    def audit_ref(self) -> Ref:
        return Ref(type="unit", id=str(self.pk), name=self.key)

    def access_reach(self) -> Reach:
        return Reach(unit=self.key)


class RegisteredModel(models.Model):
    """The thing in the inventory, through all its versions."""

    key = models.CharField(max_length=200, unique=True)
    title = models.CharField(max_length=300)
    purpose = models.TextField(blank=True)
    limitations = models.TextField(blank=True)
    kind = models.CharField(max_length=20, choices=[(k, k) for k in ModelKind])
    domain = models.CharField(max_length=80, blank=True)
    jurisdictions = models.JSONField(default=list, blank=True)
    vendor = models.BooleanField(default=False)
    exposure_eur = models.DecimalField(max_digits=18, decimal_places=2, null=True, blank=True)
    unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, related_name="models")
    owner = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="owned_models")
    registered_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField(auto_now_add=True)
    # What a search looks through, kept by the database.
    searched = models.GeneratedField(
        expression=Lower(
            Concat("key", Value(" "), "title", Value(" "), "purpose", output_field=models.TextField())
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        ordering = ["key"]
        indexes = [GinIndex(name="model_searched", fields=["searched"], opclasses=["gin_trgm_ops"])]

    def __str__(self) -> str:
        return self.key

    def audit_ref(self) -> Ref:
        return Ref(type="model", id=str(self.pk), name=self.key)

    def access_reach(self) -> Reach:
        known = RegisteredModel.unit.is_cached(self)
        unit = self.unit.key if known else BusinessUnit.objects.filter(pk=self.unit_id).values("key")
        return Reach(unit=unit, model=self.key)


class Idea(models.Model):
    """What whoever opened a record said of it, before there was a version. A fact."""

    model = models.OneToOneField(RegisteredModel, on_delete=models.PROTECT, related_name="idea")
    use = models.CharField(max_length=120, blank=True)
    # Answers to the questions of the tier; whoever may gives the tier.
    answers = models.JSONField(default=dict)
    # Keys of the models that were shown as the nearest ones.
    shown = models.JSONField(default=list)
    opened_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"idea of {self.model.key}"


class Use(models.Model):
    """The business purpose a version is approved *for*."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="uses")
    key = models.CharField(max_length=120)
    title = models.CharField(max_length=300, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    retired_by = models.ForeignKey(PERSON, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "key"], name="use_once_per_model"),
            models.CheckConstraint(
                condition=Q(retired_at__isnull=True, retired_by__isnull=True)
                | Q(retired_at__isnull=False, retired_by__isnull=False),
                name="use_retired_paired",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model.key} for {self.key}"

    def audit_ref(self) -> Ref:
        return Ref(type="use", id=str(self.pk), name=str(self))

    def access_reach(self) -> Reach:
        return self.model.access_reach()


class Tiering(models.Model):
    """A tier given to a model; the newest one holds, the older ones are kept. A fact."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="tierings")
    tier = models.PositiveSmallIntegerField()
    answers = models.JSONField(default=dict)
    scorecard = models.CharField(max_length=200, blank=True)
    # The scorecard that judged the answers, byte for byte.
    scorecard_digest = models.CharField(max_length=71, blank=True)
    rationale = models.TextField()
    # Until when the tier is to be looked at again, where the scorecard says so.
    review_due = models.DateField(null=True, blank=True)
    assigned_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    assigned_at = models.DateTimeField(auto_now_add=True)
    # Empty only in rows older than the statement: the database lets no new row be without.
    statement_digest = models.CharField(max_length=71, blank=True, default="")

    class Meta:
        ordering = ["-assigned_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(tier__gte=1, tier__lte=4), name="tier_one_to_four"),
            models.UniqueConstraint(
                fields=["statement_digest"], condition=~Q(statement_digest=""), name="tiering_sealed_once"
            ),
        ]
        indexes = [models.Index(fields=["model", "-assigned_at", "-id"], name="tiering_newest")]

    def __str__(self) -> str:
        return f"{self.model.key}: tier {self.tier}"

    def audit_ref(self) -> Ref:
        return Ref(type="tiering", id=str(self.pk), name=str(self), digest=self.statement_digest or None)


class RegimeDecision(models.Model):
    """Whether a regime applies to a model, and why; the newest of a regime holds. A fact."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="regime_decisions")
    regime = models.CharField(max_length=120)
    applies = models.BooleanField()
    rationale = models.TextField()
    # The statement of the decision that this one takes the place of.
    supersedes = models.CharField(max_length=71, blank=True)
    decided_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-decided_at", "-id"]
        indexes = [models.Index(fields=["model", "regime", "-decided_at", "-id"], name="regime_newest")]

    def __str__(self) -> str:
        return f"{self.regime} {'applies' if self.applies else 'does not apply'} to {self.model.key}"

    def audit_ref(self) -> Ref:
        return Ref(type="regime_decision", id=str(self.pk), name=str(self), digest=self.statement_digest)


class Determination(models.Model):
    """Whether a thing of the inventory is a model, by each regime's definition, and why. A fact."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="determinations")
    outcome = models.CharField(max_length=20, choices=[(o, o) for o in OUTCOMES])
    # By regime: outcome, because, citation, verify.
    outcomes = models.JSONField()
    answers = models.JSONField()
    questionnaire = models.JSONField()
    rationale = models.TextField()
    ask_again = models.DateField()
    determined_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    determined_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-determined_at", "-id"]
        indexes = [models.Index(fields=["model", "-determined_at", "-id"], name="determination_newest")]

    def __str__(self) -> str:
        return f"{self.model.key}: {self.outcome}"

    def audit_ref(self) -> Ref:
        return Ref(type="determination", id=str(self.pk), name=str(self), digest=self.statement_digest)


class ScorecardProposal(models.Model):
    """A draft of a scorecard that one person offers for release, with what was shown of it. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scorecard = models.CharField(max_length=120)
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=71)
    text = models.BinaryField()
    note = models.TextField(blank=True)
    # Cases run, weakenings tried, changes in words, every model that would move.
    shown = models.JSONField()
    proposed_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-proposed_at"]

    def __str__(self) -> str:
        return f"{self.scorecard}@{self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="scorecard_proposal", id=str(self.pk), name=str(self), digest=self.digest)


class ScorecardRelease(models.Model):
    """The bytes of a scorecard, released by two people; the newest release judges. A fact."""

    scorecard = models.CharField(max_length=120)
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=71, unique=True)
    text = models.BinaryField()
    document = models.JSONField()
    proposal = models.OneToOneField(ScorecardProposal, on_delete=models.PROTECT, related_name="release")
    proposed_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    released_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-released_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["scorecard", "version"], name="scorecard_version_once"),
            models.CheckConstraint(
                condition=~Q(proposed_by=models.F("released_by")), name="scorecard_released_by_two"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scorecard}@{self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="scorecard", id=str(self.pk), name=str(self), digest=self.digest)


class Blob(models.Model):
    """Bytes by their SHA-256 (``sha256:…``); the bytes lie in the store, the row says that they do."""

    digest = models.CharField(max_length=71, primary_key=True)
    size = models.BigIntegerField()
    media = models.CharField(max_length=100, blank=True)
    stored_at = models.DateTimeField(auto_now_add=True)
    stored_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return self.digest

    def audit_ref(self) -> Ref:
        return Ref(type="blob", id=self.digest, name=self.digest, digest=self.digest)


class Possession(models.Model):
    """Who handed in these bytes: only they, or whoever sees a version of them, may name their digest."""

    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="possessions")
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blob", "person"], name="possession_once")]

    def __str__(self) -> str:
        return f"{self.person} has {self.blob_id}"


class StoredBytes(models.Model):
    """Whether the store holds the bytes of a blob by now: since when, or since when no more."""

    blob = models.OneToOneField(Blob, primary_key=True, on_delete=models.PROTECT, related_name="kept")
    kept_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.blob_id


class UnitBytes(models.Model):
    """A business unit to whose quota bytes are counted. A fact: never updated."""

    unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, related_name="stored")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="units")
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["unit", "blob"], name="bytes_once_per_unit")]

    def __str__(self) -> str:
        return f"{self.blob_id} of {self.unit.key}"


class Quota(models.Model):
    """How many bytes a unit may keep, or everybody together; the newest holds, 0 is no limit. A fact."""

    unit = models.ForeignKey(
        BusinessUnit, null=True, blank=True, on_delete=models.PROTECT, related_name="quotas"
    )
    bytes = models.BigIntegerField()
    set_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-set_at", "-id"]
        constraints = [models.CheckConstraint(condition=Q(bytes__gte=0), name="quota_not_negative")]

    def __str__(self) -> str:
        return self.unit.key if self.unit else "everybody"

    def audit_ref(self) -> Ref:
        return Ref(type="quota", id=str(self.pk), name=str(self))


class Upload(models.Model):
    """Bytes on their way, piece by piece; forgotten once they are complete or nobody goes on."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    unit = models.ForeignKey(BusinessUnit, null=True, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=71)
    size = models.BigIntegerField()
    media = models.CharField(max_length=100, blank=True)
    received = models.BigIntegerField(default=0)
    # The pieces in order, as the store names them.
    parts = models.JSONField(default=list)
    begun_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    complete = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["person", "digest"], name="upload_of_person")]

    def __str__(self) -> str:
        return f"{self.digest}: {self.received:,} of {self.size:,} bytes"


class ConversionOpening(models.Model):
    """A file that can run code and may be converted once, until a time. A fact."""

    given = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="openings")
    reason = models.TextField()
    # What the scanner said of it, in sentences.
    findings = models.JSONField()
    until = models.DateTimeField()
    opened_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-opened_at", "-id"]

    def __str__(self) -> str:
        return f"conversion of {self.given_id}"

    def audit_ref(self) -> Ref:
        return Ref(type="conversion_opening", id=str(self.pk), name=str(self), digest=self.statement_digest)


class Conversion(models.Model):
    """What came of a conversion: the file that is data, and how its scores compare. A fact."""

    opening = models.OneToOneField(ConversionOpening, on_delete=models.PROTECT, related_name="conversion")
    made = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="conversions")
    format = models.CharField(max_length=20)
    # What the converting process said of itself; nobody vouches for it.
    claimed = models.JSONField()
    equivalence = models.JSONField()
    converted_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    converted_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-converted_at", "-id"]

    def __str__(self) -> str:
        return f"{self.opening}: {self.made_id}"

    def audit_ref(self) -> Ref:
        return Ref(type="conversion", id=str(self.pk), name=str(self), digest=self.statement_digest)


class ConversionJob(models.Model):
    """A conversion that was asked for. The row is the job; the message to a worker is only a hint."""

    MOVES = CONVERSION_MOVES

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    opening = models.ForeignKey(ConversionOpening, on_delete=models.PROTECT, related_name="jobs")
    asked_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(
        max_length=20, choices=[(s, s) for s in ConversionState], default=ConversionState.QUEUED
    )
    fence = models.BigIntegerField(default=0)
    # How often it came to nothing without the file's fault.
    lost = models.PositiveSmallIntegerField(default=0)
    owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cause = models.TextField(blank=True)
    conversion = models.OneToOneField(Conversion, null=True, on_delete=models.PROTECT, related_name="job")

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=ConversionState.RUNNING, lease_until__isnull=False)
                | (~Q(state=ConversionState.RUNNING) & Q(lease_until__isnull=True)),
                name="conversion_leased_while_running",
            ),
            models.CheckConstraint(
                condition=~Q(state=ConversionState.REFUSED) | ~Q(cause=""),
                name="conversion_says_its_cause",
            ),
            models.CheckConstraint(
                condition=Q(state=ConversionState.CONVERTED, conversion__isnull=False)
                | (~Q(state=ConversionState.CONVERTED) & Q(conversion__isnull=True)),
                name="conversion_names_what_came",
            ),
            # An opening serves one conversion; one that was refused leaves it open.
            models.UniqueConstraint(
                fields=["opening"],
                condition=~Q(state=ConversionState.REFUSED),
                name="conversion_asked_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.opening}, asked for {self.asked_at:%Y-%m-%d %H:%M}"

    def audit_ref(self) -> Ref:
        return Ref(type="conversion_job", id=str(self.pk), name=str(self.opening))


class ModelVersion(models.Model):
    """One immutable set of artefacts, named by digest. A fact: never updated."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="versions")
    label = models.CharField(max_length=120)
    digest = models.CharField(max_length=71, unique=True)
    title = models.CharField(max_length=300, blank=True)
    manifest = models.JSONField()
    manifest_digest = models.CharField(max_length=71)
    artifact = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    artifact_format = models.CharField(max_length=20)
    source_repository = models.CharField(max_length=500, blank=True)
    source_commit = models.CharField(max_length=120, blank=True)
    registered_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-registered_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["model", "label"], name="version_once_per_model")]
        indexes = [models.Index(fields=["model", "-registered_at", "-id"], name="version_newest")]

    def __str__(self) -> str:
        return f"{self.model.key}@{self.label}"

    def audit_ref(self) -> Ref:
        return Ref(type="version", id=str(self.pk), name=str(self), digest=self.digest)

    def access_reach(self) -> Reach:
        return self.model.access_reach()


class DataSet(models.Model):
    """A data set of a version, pinned by digest. A fact: never updated."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="datasets")
    name = models.CharField(max_length=80)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=71)
    rows = models.BigIntegerField()
    declared = models.JSONField()
    filename = models.CharField(max_length=255)
    registered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "name"], name="dataset_once_per_version")]

    def __str__(self) -> str:
        return f"{self.name} of {self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="dataset", id=str(self.pk), name=str(self), digest=self.digest)


class DataPart(models.Model):
    """One file of a data set that is a folder of parts. A fact: never updated.

    The blob of such a data set is the list of these: a line ``digest  name`` for each, sorted by name.
    So the digest of the list is the digest that the engine gives the folder.
    """

    dataset = models.ForeignKey(DataSet, on_delete=models.PROTECT, related_name="parts")
    name = models.CharField(max_length=120)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["dataset", "name"]
        constraints = [models.UniqueConstraint(fields=["dataset", "name"], name="part_once_per_dataset")]

    def __str__(self) -> str:
        return f"{self.name} of {self.dataset}"

    def audit_ref(self) -> Ref:
        return Ref(type="dataset_part", id=str(self.pk), name=str(self), digest=self.blob_id)


class Contribution(models.Model):
    """Who built what: the history that separation of duties is checked against."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="contributions")
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="contributions")
    part = models.CharField(max_length=20, choices=[(p, p) for p in Part])
    noted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "person", "part"], name="contribution_once")
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.part} of {self.version}"


class ModelDocument(models.Model):
    """A version of a document of a model, by the digest of its bytes; the newest one holds. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="registered_documents")
    kind = models.CharField(max_length=40, choices=[(k, k) for k in DocumentKind])
    title = models.CharField(max_length=200)
    label = models.CharField(max_length=80)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="documents")
    filename = models.CharField(max_length=255)
    expires_on = models.DateField(null=True, blank=True)
    review_on = models.DateField(null=True, blank=True)
    owner = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    registered_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-registered_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["model", "kind", "title", "label"], name="document_version_once")
        ]
        indexes = [models.Index(fields=["model", "kind", "-registered_at"], name="document_newest")]

    def __str__(self) -> str:
        return f"{self.title} {self.label}"

    def audit_ref(self) -> Ref:
        return Ref(type="model_document", id=str(self.pk), name=str(self), digest=self.blob_id)


class ChangeNotice(models.Model):
    """What a vendor told of a change that brings a new version. A fact."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="change_notices")
    # The label of the version that the notice announces.
    announces = models.CharField(max_length=120)
    told_on = models.DateField()
    effective_on = models.DateField(null=True, blank=True)
    summary = models.TextField()
    document = models.ForeignKey(
        ModelDocument, null=True, blank=True, on_delete=models.PROTECT, related_name="notices"
    )
    registered_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    registered_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-registered_at", "-id"]

    def __str__(self) -> str:
        return f"change notice of {self.model.key}@{self.announces}"

    def audit_ref(self) -> Ref:
        return Ref(type="change_notice", id=str(self.pk), name=str(self), digest=self.statement_digest)


class VendorReview(models.Model):
    """What a vendor's documentation holds, held against the checklist; the newest one counts. A fact."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="vendor_reviews")
    vendor = models.CharField(max_length=200)
    # By the id of each item: {"met": yes, partly or no, "note": why}.
    answers = models.JSONField()
    checklist = models.CharField(max_length=120)
    # Points reached and points there are, so that the share is exact.
    points = models.PositiveIntegerField()
    of = models.PositiveIntegerField()
    reviewed_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-reviewed_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(points__lte=models.F("of")), name="review_in_range")
        ]

    def __str__(self) -> str:
        return f"vendor review of {self.model.key}"

    def audit_ref(self) -> Ref:
        return Ref(type="vendor_review", id=str(self.pk), name=str(self), digest=self.statement_digest)
