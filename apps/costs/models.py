from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.audit.states import Ref
from apps.costs.states import Hardware

PERSON = settings.AUTH_USER_MODEL


class Rate(models.Model):
    """Money per second of a hardware class, from a day on; the newest that has begun holds."""

    hardware = models.CharField(max_length=20, choices=[(h, h) for h in Hardware])
    currency = models.CharField(max_length=3)
    per_second = models.DecimalField(max_digits=18, decimal_places=10)
    valid_from = models.DateTimeField()
    set_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.per_second} {self.currency}/s of {self.hardware}"

    def audit_ref(self) -> Ref:
        return Ref(type="rate", id=str(self.pk), name=str(self))


class CostEntry(models.Model):
    """What one run used and what it cost. A fact; the model, unit and run are kept as text."""

    run = models.UUIDField(unique=True)
    model_key = models.CharField(max_length=200, db_index=True)
    unit_key = models.CharField(max_length=80, db_index=True)
    purpose = models.CharField(max_length=40)
    hardware = models.CharField(max_length=20, choices=[(h, h) for h in Hardware])
    cpu_seconds = models.DecimalField(max_digits=18, decimal_places=6)
    wall_seconds = models.DecimalField(max_digits=18, decimal_places=6)
    gpu_seconds = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    peak_memory_bytes = models.BigIntegerField(default=0)
    amount = models.DecimalField(max_digits=18, decimal_places=6)
    currency = models.CharField(max_length=3)
    entered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount__gte=0), name="cost_not_negative")]
        indexes = [models.Index(fields=["unit_key", "entered_at"], name="cost_by_unit_and_time")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} for run {self.run}"

    def audit_ref(self) -> Ref:
        return Ref(type="cost", id=str(self.pk), name=str(self))


class Budget(models.Model):
    """A ceiling for a unit in a month; the next run is refused before it starts once it is reached."""

    unit_key = models.CharField(max_length=80)
    month = models.DateField()
    amount = models.DecimalField(max_digits=18, decimal_places=2)
    currency = models.CharField(max_length=3)
    set_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit_key", "month", "currency"], name="budget_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="budget_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.unit_key} {self.month:%Y-%m}: {self.amount} {self.currency}"

    def audit_ref(self) -> Ref:
        return Ref(type="budget", id=str(self.pk), name=str(self))
