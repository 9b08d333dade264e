from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.approvals.states import (
    APPROVAL_MOVES,
    FINDING_MOVES,
    ApprovalState,
    FindingState,
    Meaning,
    RoundOutcome,
    Said,
    Severity,
    Thing,
)
from apps.audit.states import Ref
from apps.gates.models import Decision, Schedule
from apps.inventory.models import ModelVersion, RegisteredModel, Use

PERSON = settings.AUTH_USER_MODEL


class Approval(models.Model):
    """The sum of the sign-offs that the tier requires, for one version and one use."""

    MOVES = APPROVAL_MOVES

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="approvals")
    use = models.ForeignKey(Use, on_delete=models.PROTECT, related_name="approvals")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="approvals")
    submitter = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="submitted_approvals")
    state = models.CharField(
        max_length=20, choices=[(s, s) for s in ApprovalState], default=ApprovalState.OPEN, db_index=True
    )
    # Everything approved, by digest: version, artifact, decision, evidence, policies, tier.
    subject = models.JSONField()
    # [{id, role, quorum, after: [...]}] as the policies in force asked for when it was submitted.
    steps = models.JSONField()
    limits = models.JSONField(default=dict, blank=True)
    # A returned approval that is opened again begins a new round; sign-offs of earlier rounds stay.
    round = models.PositiveSmallIntegerField(default=1)
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    statement_digest = models.CharField(max_length=71, blank=True)

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(fields=["id", "submitter"], name="approval_with_submitter"),
            models.UniqueConstraint(
                fields=["version", "use"],
                condition=Q(state__in=["open", "consolidating", "returned"]),
                name="one_live_approval_per_version_and_use",
            ),
        ]

    def __str__(self) -> str:
        return f"approval of {self.version} for {self.use.key}"

    def audit_ref(self) -> Ref:
        return Ref(type="approval", id=str(self.pk), name=str(self))


class SignOff(models.Model):
    """One person's signed yes or no. A fact; the database refuses the submitter, owner and builders."""

    approval = models.ForeignKey(Approval, on_delete=models.PROTECT, related_name="signoffs")
    round = models.PositiveSmallIntegerField(default=1)
    submitter_id = models.BigIntegerField()
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="signoffs")
    identity = models.CharField(max_length=200)
    step = models.CharField(max_length=80)
    role = models.CharField(max_length=40)
    meaning = models.CharField(max_length=10, choices=[(m, m) for m in Meaning])
    reason = models.TextField()
    limits = models.JSONField(default=dict, blank=True)
    decision_digest = models.CharField(max_length=71)
    signed_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["signed_at"]
        constraints = [
            models.UniqueConstraint(fields=["approval", "round", "person"], name="one_signoff_per_person"),
            models.UniqueConstraint(fields=["approval", "round", "identity"], name="one_signoff_per_human"),
            models.CheckConstraint(condition=~Q(person_id=F("submitter_id")), name="signer_is_not_submitter"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.meaning}"

    def audit_ref(self) -> Ref:
        return Ref(type="signoff", id=str(self.pk), name=str(self), digest=self.statement_digest)


class Finding(models.Model):
    """A weakness with severity, owner, due date and remediation."""

    MOVES = FINDING_MOVES

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="findings")
    version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="findings"
    )
    gate = models.CharField(max_length=200, blank=True)
    # The monitoring decision that opened it; empty where a person did.
    decision = models.ForeignKey(
        Decision, null=True, blank=True, on_delete=models.PROTECT, related_name="findings"
    )
    # The calendar that was not kept, and the time at which that was noticed; empty for any other finding.
    schedule = models.ForeignKey(
        Schedule, null=True, blank=True, on_delete=models.PROTECT, related_name="findings"
    )
    missed_at = models.DateTimeField(null=True, blank=True)
    title = models.CharField(max_length=300)
    detail = models.TextField(blank=True)
    severity = models.CharField(max_length=10, choices=[(s, s) for s in Severity])
    owner = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="findings")
    due = models.DateField()
    state = models.CharField(
        max_length=20, choices=[(s, s) for s in FindingState], default=FindingState.OPEN, db_index=True
    )
    plan = models.TextField(blank=True)
    closure = models.TextField(blank=True)
    opened_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(auto_now_add=True)
    remediated_by = models.ForeignKey(
        PERSON, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    remediated_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(PERSON, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["due"]
        constraints = [
            models.UniqueConstraint(fields=["decision"], name="one_finding_per_decision"),
            models.UniqueConstraint(fields=["schedule", "missed_at"], name="one_finding_per_missed_time"),
            models.CheckConstraint(
                condition=Q(schedule__isnull=True, missed_at__isnull=True)
                | Q(schedule__isnull=False, missed_at__isnull=False),
                name="finding_missed_paired",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False),
                name="finding_closed_paired",
            ),
            models.CheckConstraint(
                condition=Q(remediated_at__isnull=True, remediated_by__isnull=True)
                | Q(remediated_at__isnull=False, remediated_by__isnull=False),
                name="finding_remediated_paired",
            ),
            models.CheckConstraint(
                condition=~Q(severity__in=["high", "critical"])
                | Q(closed_by__isnull=True)
                | ~Q(closed_by=F("remediated_by")),
                name="grave_finding_closed_by_second_person",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def audit_ref(self) -> Ref:
        return Ref(type="finding", id=str(self.pk), name=self.title)


class Waiver(models.Model):
    """A time-limited, compensated permission for one failed gate of one version and use. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="waivers")
    use = models.ForeignKey(Use, on_delete=models.PROTECT, related_name="waivers")
    gate = models.CharField(max_length=200)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="waivers")
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="waivers")
    rationale = models.TextField()
    compensating_control = models.TextField()
    remediation_due = models.DateField()
    requested_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    granted_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(auto_now_add=True)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField()
    renewal = models.PositiveSmallIntegerField(default=0)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["valid_to"]
        constraints = [
            models.CheckConstraint(condition=~Q(requested_by=F("granted_by")), name="waiver_by_two_people"),
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="waiver_ends"),
        ]

    def __str__(self) -> str:
        return f"waiver of {self.gate} for {self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="waiver", id=str(self.pk), name=str(self), digest=self.statement_digest)


class WaiverRequest(models.Model):
    """What a waiver was asked for with; granting it writes the Waiver."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    use = models.ForeignKey(Use, on_delete=models.PROTECT, related_name="+")
    gate = models.CharField(max_length=200)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="+")
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="+")
    rationale = models.TextField()
    compensating_control = models.TextField()
    remediation_due = models.DateField()
    valid_to = models.DateTimeField()
    requested_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    waiver = models.OneToOneField(Waiver, null=True, on_delete=models.PROTECT, related_name="request")
    refused_reason = models.TextField(blank=True)
    refused_by = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    refused_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["requested_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(refused_at__isnull=True, refused_by__isnull=True, refused_reason="")
                | Q(refused_at__isnull=False, refused_by__isnull=False, waiver__isnull=True),
                name="waiver_request_answered_once",
            )
        ]

    def __str__(self) -> str:
        return f"waiver asked of {self.gate} for {self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="waiver_request", id=str(self.pk), name=str(self))


class Attestation(models.Model):
    """A person's periodic statement that an inventory entry is true. A fact."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="attestations")
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    snapshot = models.JSONField()
    attested_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-attested_at"]

    def __str__(self) -> str:
        return f"{self.person} attests {self.model}"

    def audit_ref(self) -> Ref:
        return Ref(type="attestation", id=str(self.pk), name=str(self), digest=self.statement_digest)


class AttestationRound(models.Model):
    """That somebody asks the owners of a part of the inventory to attest their entries by a day. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    title = models.CharField(max_length=200)
    # {"unit": key, "tiers": [1, …], "models": [key, …]}: of each what was named; without any, everything.
    scope = models.JSONField(default=dict)
    due = models.DateField()
    # So many days after its due day the next one is due; without, this one stands alone.
    every_days = models.PositiveIntegerField(null=True)
    follows = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="next")
    opened_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()

    class Meta:
        ordering = ["-opened_at"]

    def __str__(self) -> str:
        return self.title

    def audit_ref(self) -> Ref:
        return Ref(type="round", id=str(self.pk), name=self.title)


class RoundEntry(models.Model):
    """An entry of the inventory that a round asks about, and how it stood then. A fact."""

    round = models.ForeignKey(AttestationRound, on_delete=models.PROTECT, related_name="entries")
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    snapshot_digest = models.CharField(max_length=71)
    put_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "model"], name="asked_once_a_round")]

    def __str__(self) -> str:
        return f"{self.model} in {self.round}"

    def audit_ref(self) -> Ref:
        return Ref(type="round_entry", id=str(self.pk), name=str(self), digest=self.snapshot_digest)


class RoundAnswer(models.Model):
    """What became of an entry in a round: attested, said to be wrong, or missed. A fact."""

    entry = models.OneToOneField(RoundEntry, on_delete=models.PROTECT, related_name="answer")
    outcome = models.CharField(max_length=10, choices=[(o, o) for o in RoundOutcome])
    attestation = models.OneToOneField(Attestation, null=True, on_delete=models.PROTECT, related_name="+")
    finding = models.OneToOneField(Finding, null=True, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(PERSON, null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="attested", attestation__isnull=False, finding__isnull=True)
                | Q(outcome__in=["wrong", "missed"], attestation__isnull=True, finding__isnull=False),
                name="round_answer_with_its_fact",
            ),
            models.CheckConstraint(
                condition=Q(outcome="missed") | Q(person__isnull=False), name="round_answered_by_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry}: {self.outcome}"

    def audit_ref(self) -> Ref:
        return Ref(type="round_entry", id=str(self.entry_id), name=str(self))


class RoundEnd(models.Model):
    """That a recurring round is asked no more. A fact."""

    round = models.OneToOneField(AttestationRound, on_delete=models.PROTECT, related_name="end")
    reason = models.TextField()
    ended_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"end of {self.round}"


class Document(models.Model):
    """A document given for a version: which one, signed in which roles, by which statement. A fact."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="documents")
    use = models.ForeignKey(Use, on_delete=models.PROTECT, related_name="documents")
    key = models.CharField(max_length=120)
    type = models.CharField(max_length=40, default="document")
    blob_digest = models.CharField(max_length=71)
    signed_by = models.JSONField(default=list)
    given_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71)

    class Meta:
        ordering = ["-given_at", "-id"]

    def __str__(self) -> str:
        return f"{self.key} of {self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="document", id=str(self.pk), name=str(self), digest=self.blob_digest)


class Comment(models.Model):
    """A question or an answer on an approval, or on one piece of its evidence by digest. A fact."""

    approval = models.ForeignKey(Approval, on_delete=models.PROTECT, related_name="comments")
    evidence_digest = models.CharField(max_length=71, blank=True)
    gate = models.CharField(max_length=200, blank=True)
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["added_at"]

    def __str__(self) -> str:
        return self.text[:60]

    def audit_ref(self) -> Ref:
        return Ref(type="comment", id=str(self.pk), name=str(self))


class Challenge(models.Model):
    """An entry of the challenge log: what somebody asked, answered or remarked on a thing. A fact.

    `thing_id` stays the same through the thing's versions; `thing_digest` is the version that it speaks of.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="challenges")
    version = models.ForeignKey(ModelVersion, null=True, on_delete=models.PROTECT, related_name="challenges")
    thing = models.CharField(max_length=10, choices=[(t, t) for t in Thing])
    thing_id = models.CharField(max_length=320)
    thing_name = models.CharField(max_length=400)
    thing_digest = models.CharField(max_length=71)
    said = models.CharField(max_length=10, choices=[(s, s) for s in Said])
    answers = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="answered")
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    said_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["said_at", "id"]
        indexes = [models.Index(fields=["model", "thing", "thing_id"], name="challenges_of_a_thing")]
        constraints = [
            models.CheckConstraint(
                condition=Q(said="answer", answers__isnull=False)
                | (~Q(said="answer") & Q(answers__isnull=True)),
                name="only_answers_answer",
            )
        ]

    def __str__(self) -> str:
        return f"{self.said} on {self.thing_name}"

    def audit_ref(self) -> Ref:
        return Ref(type="challenge", id=str(self.pk), name=str(self), digest=self.statement_digest)


class Mention(models.Model):
    """That an entry of the challenge log calls on somebody. A fact."""

    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="mentions")
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["challenge", "person"], name="mentioned_once")]

    def __str__(self) -> str:
        return f"{self.person} in {self.challenge}"

    def audit_ref(self) -> Ref:
        return Ref(type="mention", id=str(self.pk), name=str(self))
