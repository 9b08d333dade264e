from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.approvals.models import Finding
from apps.audit.states import Ref
from apps.deploys.states import Answered, Source
from apps.inventory.models import ModelVersion, RegisteredModel

PERSON = settings.AUTH_USER_MODEL
LONGEST_SLOT = 253


class Deployment(models.Model):
    """What a slot of an environment runs since a moment, as somebody reported it. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reported_at = models.DateTimeField()
    environment = models.ForeignKey("deploys.Environment", on_delete=models.PROTECT, related_name="+")
    slot = models.CharField(max_length=LONGEST_SLOT)
    running = models.BooleanField()
    digest = models.CharField(max_length=71, blank=True)
    # As the report names it; the version only where the inventory knows these very bytes.
    model_key = models.CharField(max_length=200, blank=True)
    version_label = models.CharField(max_length=120, blank=True)
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="deployments")
    admission = models.ForeignKey("deploys.Admission", null=True, on_delete=models.PROTECT, related_name="+")
    deploy_type = models.CharField(max_length=20, blank=True)
    source = models.CharField(max_length=20, choices=[(s, s) for s in Source])
    since = models.DateTimeField()
    reported_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["environment", "slot", "-since", "-reported_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "slot", "since"], name="one_change_of_a_slot_at_once"
            ),
            models.CheckConstraint(condition=Q(running=False) | ~Q(digest=""), name="what_runs_has_a_digest"),
        ]
        indexes = [models.Index(fields=["version", "-since"], name="deployment_of_version")]

    def __str__(self) -> str:
        return f"{self.environment.key}/{self.slot}"

    def audit_ref(self) -> Ref:
        return Ref(type="deployment", id=str(self.pk), name=str(self), digest=self.statement_digest)


class Settlement(models.Model):
    """What a person answered to something that runs and that the inventory lacks. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    settled_at = models.DateTimeField()
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="settlements")
    answer = models.CharField(max_length=20, choices=[(a, a) for a in Answered])
    reason = models.TextField()
    model = models.ForeignKey(RegisteredModel, null=True, on_delete=models.PROTECT, related_name="+")
    finding = models.ForeignKey(Finding, null=True, on_delete=models.PROTECT, related_name="+")
    until = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-settled_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(answer="ignored", until__isnull=False)
                | (~Q(answer="ignored") & Q(model__isnull=False)),
                name="settled_by_a_model_or_a_date",
            )
        ]

    def __str__(self) -> str:
        return f"{self.answer}: {self.deployment}"

    def audit_ref(self) -> Ref:
        return Ref(type="settlement", id=str(self.pk), name=str(self))


class CallCount(models.Model):
    """How often a slot was called in a period. A fact."""

    reported_at = models.DateTimeField()
    environment = models.ForeignKey("deploys.Environment", on_delete=models.PROTECT, related_name="+")
    slot = models.CharField(max_length=LONGEST_SLOT)
    begins = models.DateTimeField()
    ends = models.DateTimeField()
    calls = models.PositiveBigIntegerField()
    reported_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["environment", "slot", "-begins"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "slot", "begins"], name="a_period_counted_once"),
            models.CheckConstraint(condition=Q(ends__gt=F("begins")), name="a_period_ends_after_it_begins"),
        ]

    def __str__(self) -> str:
        return f"{self.calls} calls of {self.slot}"


class Rollback(models.Model):
    """A slot given back to an earlier version whose approval still holds. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    asked_at = models.DateTimeField()
    environment = models.ForeignKey("deploys.Environment", on_delete=models.PROTECT, related_name="+")
    slot = models.CharField(max_length=LONGEST_SLOT)
    left = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    admission = models.ForeignKey("deploys.Admission", on_delete=models.PROTECT, related_name="+")
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    asked_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"{self.slot} back to {self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="rollback", id=str(self.pk), name=str(self))


class RevocationList(models.Model):
    """A revocation epoch as it was signed for those who verify without the service. A fact."""

    sealed_at = models.DateTimeField()
    epoch = models.PositiveBigIntegerField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-sealed_at"]

    def __str__(self) -> str:
        return f"epoch {self.epoch}"
