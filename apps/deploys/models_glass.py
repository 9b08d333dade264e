from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.approvals.models import Finding
from apps.audit.states import Ref
from apps.inventory.models import ModelVersion, Use

PERSON = settings.AUTH_USER_MODEL
LONGEST_GLASS = timedelta(hours=4)


class GlassRequest(models.Model):
    """What somebody asks for who needs a version to run that is not allowed. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    use = models.ForeignKey(Use, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey("deploys.Environment", on_delete=models.PROTECT, related_name="+")
    # The bytes that are meant: no others run by it.
    digest = models.CharField(max_length=71)
    minutes = models.PositiveSmallIntegerField()
    reason = models.TextField()
    ticket = models.CharField(max_length=200)
    asked_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__gte=1, minutes__lte=240), name="glass_at_most_4_hours"
            )
        ]

    def __str__(self) -> str:
        return f"break-glass for {self.version} in {self.environment}"

    def audit_ref(self) -> Ref:
        return Ref(type="break_glass", id=str(self.pk), name=str(self))


class Glass(models.Model):
    """A version runs for a few hours although it is not allowed: two people said so. A fact."""

    request = models.OneToOneField(GlassRequest, on_delete=models.PROTECT, related_name="glass")
    granted_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField()
    finding = models.OneToOneField(Finding, on_delete=models.PROTECT, related_name="+")
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__gt=F("valid_from")) & Q(valid_to__lte=F("valid_from") + LONGEST_GLASS),
                name="glass_ends_in_time",
            )
        ]

    def __str__(self) -> str:
        return str(self.request)

    def audit_ref(self) -> Ref:
        request = self.request
        return Ref(type="break_glass", id=str(request.pk), name=str(request), digest=self.statement_digest)


class GlassEnd(models.Model):
    """A break-glass that somebody ended before its time, or a request refused. A fact."""

    request = models.OneToOneField(GlassRequest, on_delete=models.PROTECT, related_name="end")
    ended_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    ended_on = models.DateTimeField(db_default=Now())
    reason = models.TextField()

    def __str__(self) -> str:
        return f"end of {self.request}"
