from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.approvals.models import Approval
from apps.audit.states import Ref
from apps.gates.models import Decision
from apps.inventory.models import Blob, ModelVersion
from apps.reports.states import ReportKind

PERSON = settings.AUTH_USER_MODEL


class Report(models.Model):
    """A PDF drawn from statements only; its digest is sealed. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=[(k, k) for k in ReportKind])
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="reports")
    approval = models.ForeignKey(Approval, null=True, on_delete=models.PROTECT, related_name="reports")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="reports")
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    made_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["approval", "decision"], name="one_report_per_approval_and_decision"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} report of {self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="report", id=str(self.pk), name=str(self), digest=self.blob_id)


class ReportChart(models.Model):
    """The picture of one gate as it stands in the report. A fact."""

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="charts")
    gate = models.CharField(max_length=200)
    title = models.CharField(max_length=300)
    svg = models.TextField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["report", "gate"], name="one_chart_per_gate")]

    def __str__(self) -> str:
        return self.title

    def audit_ref(self) -> Ref:
        return Ref(type="report_chart", id=str(self.pk), name=self.title)


class ReportSignature(models.Model):
    """One validator's signature: a new revision of the PDF, appended to the one before. A fact."""

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="signatures")
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    seat = models.CharField(max_length=80)
    role = models.CharField(max_length=40)
    meaning = models.CharField(max_length=40)
    certificate_sha256 = models.CharField(max_length=64)
    before = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["report", "person"], name="one_report_signature_per_person"),
            models.UniqueConstraint(fields=["report", "seat"], name="one_signature_per_seat"),
            models.UniqueConstraint(fields=["report", "position"], name="report_signatures_in_line"),
            models.CheckConstraint(condition=~Q(before=models.F("after")), name="signature_changes_bytes"),
        ]

    def __str__(self) -> str:
        return f"{self.person} signed {self.report}"

    def audit_ref(self) -> Ref:
        return Ref(type="report_signature", id=str(self.pk), name=str(self), digest=self.after_id)
