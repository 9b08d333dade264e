from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.approvals.models import Finding
from apps.audit.states import Ref
from apps.deploys.states import Arm, Cause
from apps.inventory.models import ModelVersion, Use

PERSON = settings.AUTH_USER_MODEL
LONGEST_EXPERIMENT = timedelta(days=90)


class Experiment(models.Model):
    """Two versions share the calls of a slot: how many, how long, and what stops it. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=200)
    use = models.ForeignKey(Use, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey("deploys.Environment", on_delete=models.PROTECT, related_name="+")
    slot = models.CharField(max_length=253)
    champion = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    challenger = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    # Of the calls, in percent, that the challenger may answer at most.
    share = models.DecimalField(max_digits=5, decimal_places=2)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    # Gates that must pass in the monitoring of both; empty stands for every blocking gate.
    stops = models.JSONField(default=list)
    reason = models.TextField()
    begun_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    begun_at = models.DateTimeField(db_default=Now())
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-begun_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("begins_at")) & Q(ends_at__lte=F("begins_at") + LONGEST_EXPERIMENT),
                name="experiment_ends_in_time",
            ),
            models.CheckConstraint(condition=Q(share__gt=0, share__lte=50), name="experiment_share_of_half"),
            models.CheckConstraint(condition=~Q(champion=F("challenger")), name="experiment_of_two_versions"),
        ]

    def __str__(self) -> str:
        return self.title

    def audit_ref(self) -> Ref:
        return Ref(type="experiment", id=str(self.pk), name=self.title, digest=self.statement_digest)


class ExperimentEnd(models.Model):
    """Why an experiment runs no more. A fact."""

    experiment = models.OneToOneField(Experiment, on_delete=models.PROTECT, related_name="end")
    cause = models.CharField(max_length=20, choices=[(c, c) for c in Cause])
    why = models.TextField()
    finding = models.ForeignKey(Finding, null=True, on_delete=models.PROTECT, related_name="+")
    ended_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    ended_on = models.DateTimeField(db_default=Now())
    statement_digest = models.CharField(max_length=71, unique=True)

    def __str__(self) -> str:
        return f"end of {self.experiment}"

    def audit_ref(self) -> Ref:
        found = self.experiment.audit_ref()
        return Ref(type=found.type, id=found.id, name=found.name, digest=self.statement_digest)


class ExperimentResult(models.Model):
    """What one arm brought in a period, as whoever runs it reports it. A fact: evidence of its version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="results")
    arm = models.CharField(max_length=20, choices=[(a, a) for a in Arm])
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="experiment_results")
    begins = models.DateTimeField()
    ends = models.DateTimeField()
    calls = models.PositiveBigIntegerField()
    measured = models.JSONField(default=dict)
    reported_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    reported_at = models.DateTimeField(db_default=Now())
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-begins", "arm"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "arm", "begins"], name="experiment_result_once"),
            models.CheckConstraint(condition=Q(ends__gt=F("begins")), name="experiment_result_period"),
        ]

    def __str__(self) -> str:
        return f"{self.arm} of {self.experiment}"

    def audit_ref(self) -> Ref:
        return Ref(
            type="experiment", id=str(self.experiment_id), name=str(self), digest=self.statement_digest
        )
