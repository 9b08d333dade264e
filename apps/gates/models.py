from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.audit.states import Ref
from apps.gates.states import (
    ENDED,
    PARTITION_MOVES,
    RUN_MOVES,
    Lane,
    PartitionState,
    Place,
    Purpose,
    RunState,
    WaitsFor,
)
from apps.inventory.models import Blob, ModelVersion, RegisteredModel, Use

PERSON = settings.AUTH_USER_MODEL


class PolicyProposal(models.Model):
    """A draft that one person offers for release, with what was shown of it that day. A fact."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    policy = models.CharField(max_length=120)
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=71)
    text = models.BinaryField()
    # The files of its cases by name.
    cases = models.JSONField()
    note = models.TextField(blank=True)
    # Cases run, weakenings tried, changes in words, impact on every model.
    shown = models.JSONField()
    proposed_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-proposed_at"]
        indexes = [models.Index(fields=["policy", "version"])]

    def __str__(self) -> str:
        return f"{self.policy}@{self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="policy_proposal", id=str(self.pk), name=str(self), digest=self.digest)


class PolicyRelease(models.Model):
    """The bytes of a policy, released by two people. A fact: never changed; a newer version replaces it."""

    policy = models.CharField(max_length=120)
    version = models.CharField(max_length=40)
    digest = models.CharField(max_length=71, unique=True)
    text = models.BinaryField()
    # The policy with everything that it extends resolved, as it stood on the day of release.
    document = models.JSONField()
    effective_from = models.DateField(null=True)
    effective_until = models.DateField(null=True)
    proposal = models.OneToOneField(
        PolicyProposal, null=True, on_delete=models.PROTECT, related_name="release"
    )
    proposed_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    released_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    released_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71)

    class Meta:
        ordering = ["policy", "released_at"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "version"], name="policy_version_once"),
            models.CheckConstraint(
                condition=~Q(proposed_by=models.F("released_by")), name="policy_released_by_two"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy}@{self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="policy", id=str(self.pk), name=str(self), digest=self.digest)


class Run(models.Model):
    """One evaluation of all gates that apply. The row is the job; the message is only a hint."""

    MOVES = RUN_MOVES

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=200, unique=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="runs")
    use = models.ForeignKey(Use, on_delete=models.PROTECT, related_name="runs")
    purpose = models.CharField(max_length=20, choices=[(p, p) for p in Purpose], default=Purpose.APPROVAL)
    state = models.CharField(
        max_length=20, choices=[(s, s) for s in RunState], default=RunState.QUEUED, db_index=True
    )
    lane = models.CharField(max_length=10, choices=[(lane, lane) for lane in Lane], default=Lane.QUICK)
    # What the run rests on, by digest: policies, datasets {name: digest}, artifact, engine version.
    pinned = models.JSONField()
    # A data set measured in place of the manifest's holdout (monitoring), by its name in the version.
    dataset = models.CharField(max_length=80, blank=True)
    # The digest of `pinned`: two runs with the same pins measure the same.
    pins = models.CharField(max_length=71, db_index=True)
    seed = models.BigIntegerField(default=0)
    # The calendar asks on behalf of whoever set it.
    schedule = models.ForeignKey("Schedule", null=True, on_delete=models.PROTECT, related_name="runs")
    requested_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    lost = models.PositiveSmallIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    # Messages sent since the run was queued; each waits longer than the one before.
    hints = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    # Whose turn it is: the unit and the tier on the day of the request, when the answer is needed, and
    # where a person placed the run.
    unit_key = models.CharField(max_length=80, blank=True, default="", db_default="")
    tier = models.PositiveSmallIntegerField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    place = models.SmallIntegerField(choices=[(p.value, p.word) for p in Place], default=0, db_default=0)
    # What must happen before it may begin, besides its turn; `not_before` then lies beyond all time.
    waits_for = models.CharField(
        max_length=10, choices=[(w, w) for w in WaitsFor], blank=True, default="", db_default=""
    )
    # The class of its most demanding check, and the classes that its policies let a person approve first.
    hardware = models.CharField(max_length=10, default="cpu", db_default="cpu")
    # What it will probably hold at its peak, and the check that holds most of it; 0 is not known.
    memory_bytes = models.BigIntegerField(default=0, db_default=0)
    memory_check = models.CharField(max_length=120, blank=True, default="", db_default="")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    gates_total = models.PositiveIntegerField(default=0)
    gates_done = models.PositiveIntegerField(default=0)
    # [{gate, state: waiting|measuring|measured, outcome?, seconds?}], in the policy's order.
    progress = models.JSONField(default=list)
    expected_seconds = models.FloatField(null=True, blank=True)
    cause = models.TextField(blank=True)

    class Meta:
        ordering = ["-requested_at"]
        indexes = [
            models.Index(fields=["state", "lease_until"]),
            models.Index(fields=["state", "published_at"]),
            models.Index(fields=["version", "use", "state"]),
            models.Index(
                fields=["lane", "place"], condition=Q(state=RunState.QUEUED), name="run_waits_in_lane"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=RunState.RUNNING, lease_until__isnull=False)
                | (~Q(state=RunState.RUNNING) & Q(lease_until__isnull=True)),
                name="run_leased_while_running",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ENDED, finished_at__isnull=False)
                | (~Q(state__in=ENDED) & Q(finished_at__isnull=True)),
                name="run_finished_when_ended",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[RunState.ERRORED, RunState.DEAD]) | ~Q(cause=""),
                name="run_says_its_cause",
            ),
        ]

    def __str__(self) -> str:
        return f"run {str(self.id)[:8]} of {self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="run", id=str(self.pk), name=str(self))


class Presence(models.Model):
    """A worker that is here, at work or not; it says so itself every quarter of a minute."""

    # Its host and main process, as the owners of runs begin.
    name = models.CharField(max_length=200, unique=True)
    lanes = models.JSONField()
    processes = models.PositiveSmallIntegerField()
    begun_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Turn(models.Model):
    """How far the turns in a lane are: a row for each business unit, and one for each model of it.

    Units take turns by `taken_at`. `spent` grows with every turn, the slower the higher the tier; among
    the models of a unit the one that spent least comes next. The unit's own row holds where its newest
    turn began, so a model that comes late begins there and catches nothing up.
    """

    lane = models.CharField(max_length=10, choices=[(lane, lane) for lane in Lane])
    unit_key = models.CharField(max_length=80)
    model = models.ForeignKey(RegisteredModel, null=True, on_delete=models.PROTECT, related_name="+")
    taken_at = models.DateTimeField()
    spent = models.FloatField(default=0.0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["lane", "unit_key", "model"], nulls_distinct=False, name="turn_once_in_lane"
            )
        ]

    def __str__(self) -> str:
        return f"turn of {self.unit_key} in {self.lane}"


class Partition(models.Model):
    """Some parts of one data set of a run, summed up by whatever worker takes them.

    Leased as a run is. The run itself is the last step: it waits for all of its partitions.
    """

    MOVES = PARTITION_MOVES

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="partitions")
    dataset = models.CharField(max_length=80)
    number = models.PositiveSmallIntegerField()
    # The digest of each of its parts by name.
    parts = models.JSONField()
    state = models.CharField(
        max_length=20, choices=[(s, s) for s in PartitionState], default=PartitionState.QUEUED
    )
    lane = models.CharField(max_length=10, choices=[(lane, lane) for lane in Lane])
    attempt = models.PositiveSmallIntegerField(default=0)
    lost = models.PositiveSmallIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    hints = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    rows = models.BigIntegerField(null=True, blank=True)
    # What was summed up, and the statement that says so; both are checked when they are merged.
    summary = models.ForeignKey(Blob, null=True, on_delete=models.PROTECT, related_name="+")
    statement_digest = models.CharField(max_length=71, blank=True)
    usage = models.JSONField(default=dict)
    failure = models.CharField(max_length=20, blank=True)
    cause = models.TextField(blank=True)

    class Meta:
        ordering = ["run", "dataset", "number"]
        indexes = [models.Index(fields=["state", "published_at"], name="partition_waits")]
        constraints = [
            models.UniqueConstraint(fields=["run", "dataset", "number"], name="partition_once_per_run"),
            models.CheckConstraint(
                condition=Q(state=PartitionState.RUNNING, lease_until__isnull=False)
                | (~Q(state=PartitionState.RUNNING) & Q(lease_until__isnull=True)),
                name="partition_leased_while_running",
            ),
            models.CheckConstraint(
                condition=~Q(state=PartitionState.MEASURED)
                | (Q(summary__isnull=False) & ~Q(statement_digest="")),
                name="partition_measured_has_summary",
            ),
            models.CheckConstraint(
                condition=~Q(state=PartitionState.FAILED) | ~Q(cause=""), name="partition_says_its_cause"
            ),
        ]

    def __str__(self) -> str:
        return f"partition {self.number + 1} of {self.dataset} of {self.run}"

    def audit_ref(self) -> Ref:
        return Ref(type="partition", id=str(self.pk), name=str(self))


class HardwareConsent(models.Model):
    """One person's yes or no to what a run costs to compute. A fact."""

    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="consent")
    hardware = models.CharField(max_length=10)
    granted = models.BooleanField()
    reason = models.TextField()
    given_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    given_at = models.DateTimeField(auto_now_add=True)
    statement_digest = models.CharField(max_length=71, unique=True)

    def __str__(self) -> str:
        return f"{'yes' if self.granted else 'no'} to {self.hardware} for {self.run}"

    def audit_ref(self) -> Ref:
        return Ref(type="hardware_consent", id=str(self.pk), name=str(self), digest=self.statement_digest)


class Evidence(models.Model):
    """One stored measurement of a run, sealed. A fact."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="evidence")
    gate = models.CharField(max_length=200)
    check_id = models.CharField(max_length=120)
    check_version = models.CharField(max_length=20)
    artifact_digest = models.CharField(max_length=71, blank=True)
    dataset_digest = models.CharField(max_length=71, blank=True)
    measurement = models.JSONField()
    measured_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["run", "gate"], name="evidence_once_per_gate")]

    def __str__(self) -> str:
        return f"{self.gate} of {self.run}"

    def audit_ref(self) -> Ref:
        return Ref(type="evidence", id=str(self.pk), name=str(self), digest=self.statement_digest)


class Decision(models.Model):
    """What the policies say of a run's measurements, sealed. A fact; it never looks at waivers."""

    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="decision")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="decisions")
    use = models.ForeignKey(Use, on_delete=models.PROTECT, related_name="decisions")
    purpose = models.CharField(max_length=20, choices=[(p, p) for p in Purpose])
    outcome = models.CharField(max_length=20)
    # The engine's Decision JSON: gates with outcome, sentence, bound and measurement.
    document = models.JSONField()
    policies = models.JSONField()
    decided_at = models.DateTimeField()
    statement_digest = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["-decided_at", "-id"]
        indexes = [
            models.Index(fields=["version", "use", "purpose", "-decided_at", "-id"], name="decision_newest")
        ]

    def __str__(self) -> str:
        return f"decision {self.outcome} for {self.version}"

    def audit_ref(self) -> Ref:
        return Ref(type="decision", id=str(self.pk), name=str(self), digest=self.statement_digest)


class Schedule(models.Model):
    """Monitoring: the same run, requested by the calendar instead of a person."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="schedules")
    use = models.ForeignKey(Use, on_delete=models.PROTECT, related_name="schedules")
    dataset = models.CharField(max_length=80)
    every_days = models.PositiveIntegerField()
    next_due = models.DateTimeField()
    # The newest time at which monitoring did not happen, and why: what the alert says.
    missed_at = models.DateTimeField(null=True, blank=True)
    missed_why = models.TextField(blank=True, default="", db_default="")
    set_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)
    ended_by = models.ForeignKey(PERSON, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["next_due", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(every_days__gte=1), name="schedule_every_day_at_most"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="schedule_ended_paired",
            ),
            models.UniqueConstraint(
                fields=["version", "use", "dataset"],
                condition=Q(ended_at__isnull=True),
                name="one_live_schedule_per_dataset",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} every {self.every_days} days"

    def audit_ref(self) -> Ref:
        return Ref(type="schedule", id=str(self.pk), name=str(self))
