"""What feeds what: things named as the systems that know them name them, and the edges between two."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.audit.states import Ref
from apps.inventory.states import EdgeKind, NodeKind

PERSON = settings.AUTH_USER_MODEL


class LineageNode(models.Model):
    """A thing that feeds others or is fed; of a model version the key and the label are its name. A fact."""

    kind = models.CharField(max_length=20, choices=[(k, k) for k in NodeKind])
    namespace = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=300)
    # Which state of it: the label of a version, the digest of data, the version of a feature.
    label = models.CharField(max_length=120, blank=True)
    noted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "namespace", "name", "label"], name="lineage_node_once")
        ]
        indexes = [models.Index(fields=["name", "label"], name="lineage_node_named")]

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{place}{self.name}{'@' if self.label else ''}{self.label}"

    def audit_ref(self) -> Ref:
        return Ref(type="lineage_node", id=str(self.pk), name=f"{self.kind} {self}"[:300])


class LineageEvent(models.Model):
    """What a system told of lineage, once by its id. A fact."""

    source = models.CharField(max_length=200)
    key = models.CharField(max_length=300)
    digest = models.CharField(max_length=71)
    # What it said besides its edges: the job, the state, the tests that it reports.
    about = models.JSONField(default=dict)
    happened_at = models.DateTimeField(null=True)
    stated_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    stated_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-stated_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["stated_by", "source", "key"], name="lineage_event_once")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.key}"

    def audit_ref(self) -> Ref:
        return Ref(type="lineage_event", id=str(self.pk), name=str(self)[:300], digest=self.digest)


class LineageEdge(models.Model):
    """That one thing feeds another, or no longer; the newest of a kind between two counts. A fact."""

    kind = models.CharField(max_length=20, choices=[(k, k) for k in EdgeKind])
    upstream = models.ForeignKey(LineageNode, on_delete=models.PROTECT, related_name="feeds")
    downstream = models.ForeignKey(LineageNode, on_delete=models.PROTECT, related_name="fed_by")
    holds = models.BooleanField(default=True)
    # The downstream thing fed the upstream one already: kept where a system tells what it did.
    closes_cycle = models.BooleanField(default=False)
    source = models.CharField(max_length=200)
    event = models.ForeignKey(LineageEvent, null=True, on_delete=models.PROTECT, related_name="edges")
    reason = models.TextField(blank=True)
    stated_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    stated_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(upstream=F("downstream")), name="lineage_of_two"),
            models.CheckConstraint(condition=Q(holds=True) | ~Q(reason=""), name="lineage_ended_says_why"),
        ]
        indexes = [
            models.Index(fields=["upstream", "downstream", "kind", "id"], name="lineage_down"),
            models.Index(fields=["downstream", "upstream"], name="lineage_up"),
        ]

    def __str__(self) -> str:
        return f"{self.upstream} {self.kind} {self.downstream}"

    def audit_ref(self) -> Ref:
        return Ref(type="lineage_edge", id=str(self.pk), name=str(self)[:300])
