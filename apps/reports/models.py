from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.approvals.models import Approval
from apps.audit.states import Ref
from apps.gates.models import Decision
from apps.inventory.models import Blob, ModelVersion
from apps.reports.states import Cause, ReportKind

PERSON = settings.AUTH_USER_MODEL


class ReportRequest(models.Model):
    """That somebody asked for a report, of what, and over what. A fact; a worker makes it from this row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=[(k, k) for k in ReportKind])
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="+")
    scope = models.JSONField(default=dict)
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()

    class Meta:
        ordering = ["-asked_at"]

    def __str__(self) -> str:
        return f"{self.kind} report"

    def audit_ref(self) -> Ref:
        return Ref(type="report_request", id=str(self.pk), name=str(self))


class ReportRefusal(models.Model):
    """Why a report that was asked for cannot be made. A fact."""

    request = models.OneToOneField(ReportRequest, on_delete=models.PROTECT, related_name="refusal")
    why = models.CharField(max_length=500)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.why


class ReportSnapshot(models.Model):
    """What a report over many things says, sealed before it is drawn. A fact."""

    request = models.OneToOneField(ReportRequest, on_delete=models.PROTECT, related_name="snapshot")
    at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    def __str__(self) -> str:
        return f"snapshot for a {self.request.kind} report"

    def audit_ref(self) -> Ref:
        return Ref(type="report_snapshot", id=str(self.pk), name=str(self), digest=self.statement_digest)


class Report(models.Model):
    """A PDF drawn from statements only; its digest is sealed. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=[(k, k) for k in ReportKind])
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="reports")
    approval = models.ForeignKey(Approval, null=True, on_delete=models.PROTECT, related_name="reports")
    decision = models.ForeignKey(Decision, null=True, on_delete=models.PROTECT, related_name="reports")
    title = models.CharField(max_length=200, blank=True)
    scope = models.JSONField(default=dict)
    request = models.OneToOneField(ReportRequest, null=True, on_delete=models.PROTECT, related_name="report")
    page = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
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
        return self.title or f"{self.kind} report of {self.version}"

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


class SigningAct(models.Model):
    """Somebody proved who they are and agreed to sign what was shown, with a meaning. A fact.

    The signature follows once an authority stamps its time: at once, or when the authority is back.
    """

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="acts")
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    seat = models.CharField(max_length=80)
    role = models.CharField(max_length=40)
    meaning = models.CharField(max_length=40)
    before = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    agreed_at = models.DateTimeField()

    class Meta:
        ordering = ["agreed_at"]

    def __str__(self) -> str:
        return f"{self.person} agreed to sign {self.report}"

    def audit_ref(self) -> Ref:
        return Ref(type="signing_act", id=str(self.pk), name=str(self), digest=self.before_id)


class SigningTry(models.Model):
    """That a signature could not be given its time, and why. A fact."""

    act = models.ForeignKey(SigningAct, on_delete=models.PROTECT, related_name="tries")
    at = models.DateTimeField()
    why = models.CharField(max_length=500)

    class Meta:
        ordering = ["at"]

    def __str__(self) -> str:
        return self.why


class SigningEnd(models.Model):
    """That an agreement to sign led to no signature, and why. A fact."""

    act = models.OneToOneField(SigningAct, on_delete=models.PROTECT, related_name="end")
    at = models.DateTimeField()
    why = models.CharField(max_length=500)

    def __str__(self) -> str:
        return self.why


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
    act = models.OneToOneField(SigningAct, null=True, on_delete=models.PROTECT, related_name="signature")
    stamped_at = models.DateTimeField(null=True)

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


class ReportArchive(models.Model):
    """A complete report made to last: what verifying it needs lies in the file, under a stamp. A fact."""

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="archives")
    position = models.PositiveSmallIntegerField()
    before = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    after = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    stamped_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["report", "position"], name="report_archives_in_line"),
            models.CheckConstraint(condition=~Q(before=models.F("after")), name="archive_changes_bytes"),
        ]

    def __str__(self) -> str:
        return f"{self.report}, archived"

    def audit_ref(self) -> Ref:
        return Ref(type="report_archive", id=str(self.pk), name=str(self), digest=self.after_id)


class CertificateRevocation(models.Model):
    """That a signer's certificate counts no more from a moment on, by whom and why. A fact."""

    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    certificate_sha256 = models.CharField(max_length=64, unique=True)
    serial = models.CharField(max_length=40)
    cause = models.CharField(max_length=20, choices=[(c, c) for c in Cause])
    reason = models.CharField(max_length=500)
    revoked_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-revoked_at"]

    def __str__(self) -> str:
        return f"certificate {self.certificate_sha256[:16]} withdrawn"

    def audit_ref(self) -> Ref:
        return Ref(type="certificate", id=self.certificate_sha256, name=str(self))
