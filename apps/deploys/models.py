from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.audit.states import Ref
from apps.deploys.states import Outcome
from apps.inventory.models import ModelVersion

PERSON = settings.AUTH_USER_MODEL


class Environment(models.Model):
    """A place where versions run: development, staging, production …"""

    key = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    declared_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key

    def audit_ref(self) -> Ref:
        return Ref(type="environment", id=str(self.pk), name=self.key)


class Admission(models.Model):
    """The deploy gate's answer to one request, with every reason. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="admissions")
    model_key = models.CharField(max_length=200)
    version_label = models.CharField(max_length=120)
    digest = models.CharField(max_length=71, blank=True)
    use = models.CharField(max_length=120, blank=True)
    environment = models.CharField(max_length=80)
    # What the caller said of the request itself; limits may speak of it.
    population = models.CharField(max_length=200, blank=True)
    exposure_eur = models.CharField(max_length=40, blank=True)
    outcome = models.CharField(max_length=20, choices=[(o, o) for o in Outcome])
    allowed = models.BooleanField()
    reasons = models.JSONField()
    # The bytes that the API answers: written once, read with one indexed look-up.
    answer = models.BinaryField()
    asked_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-asked_at"]
        indexes = [models.Index(fields=["model_key", "version_label", "environment"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(allowed=False) | Q(outcome__in=["allow", "allow_with_limits"]),
                name="only_allow_is_allowed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.outcome}: {self.model_key}@{self.version_label} in {self.environment}"

    def audit_ref(self) -> Ref:
        return Ref(type="admission", id=str(self.pk), name=str(self), digest=self.statement_digest)
