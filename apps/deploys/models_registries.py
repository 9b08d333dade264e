from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.audit.states import Ref


class RegistryEntry(models.Model):
    """A version as a registry elsewhere describes it, and the mark that we last left on it there."""

    integration = models.ForeignKey(
        "deploys.Integration", on_delete=models.PROTECT, related_name="registry_entries"
    )
    # Of the model and of the version, as the registry calls them.
    name = models.CharField(max_length=300)
    number = models.CharField(max_length=120)
    # What the registry itself calls it where these are not enough.
    key = models.CharField(max_length=2048, blank=True)
    # The digest that is told of its bytes; empty where none is told: then it is no version of ours.
    digest = models.CharField(max_length=71, blank=True)
    # All that the registry says of it: self-reported, and believed for nothing.
    said = models.JSONField(default=dict)
    status = models.CharField(max_length=80, blank=True)
    marked = models.CharField(max_length=80, blank=True)
    marked_at = models.DateTimeField(null=True)
    admission = models.ForeignKey("deploys.Admission", null=True, on_delete=models.PROTECT, related_name="+")
    first_seen_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "-first_seen_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "name", "number"], name="registry_entry_once")
        ]

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"

    def audit_ref(self) -> Ref:
        return Ref(type="registry-entry", id=str(self.pk), name=str(self)[:200])


class RegistryPoll(models.Model):
    """When a registry is read next, and what came of it last."""

    integration = models.OneToOneField(
        "deploys.Integration", on_delete=models.PROTECT, related_name="registry_poll"
    )
    due_at = models.DateTimeField(db_default=Now())
    read_at = models.DateTimeField(null=True)
    entries = models.PositiveIntegerField(default=0)
    fault = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(entries=0) | ~Q(read_at=None), name="what_is_known_was_read")
        ]

    def __str__(self) -> str:
        return f"poll of {self.integration_id}"
