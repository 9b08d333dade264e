from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.audit.states import Ref
from apps.costs.states import Hardware, Outcome, Source

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


class ExchangeRate(models.Model):
    """How much of the installation's currency one unit of another was worth on a day. A fact.

    Of several for a day the newest counts; a sum names the one that it used.
    """

    currency = models.CharField(max_length=3)
    into = models.CharField(max_length=3)
    rate = models.DecimalField(max_digits=20, decimal_places=10)
    day = models.DateField()
    # Where it was published.
    source = models.CharField(max_length=200)
    set_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-day", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchange_rate_positive"),
            models.CheckConstraint(condition=~Q(currency=models.F("into")), name="exchange_between_two"),
        ]

    def __str__(self) -> str:
        return f"1 {self.currency} = {self.rate.normalize():f} {self.into} on {self.day}"

    def audit_ref(self) -> Ref:
        return Ref(type="exchange_rate", id=str(self.pk), name=str(self))


class CostEntry(models.Model):
    """What one attempt at a run used and what it cost; model, unit and run are kept as text. A fact."""

    run = models.UUIDField(db_index=True)
    # Of a run in partitions each attempt at a partition has an entry; the run's own have none here.
    partition = models.UUIDField(null=True, db_default=None)
    # Which attempt: the fence of the run, or of the partition, as it was then. 0 where nobody had begun, and
    # in entries of old.
    fence = models.BigIntegerField(default=0)
    outcome = models.CharField(
        max_length=20, choices=[(o, o) for o in Outcome], default=Outcome.DECIDED.value
    )
    # Of a worker that was lost only the time is known for which it held the run; that is charged.
    measured = models.BooleanField(default=True)
    model_key = models.CharField(max_length=200, db_index=True)
    version = models.CharField(max_length=80, blank=True, default="")
    unit_key = models.CharField(max_length=80, db_index=True)
    tier = models.CharField(max_length=20, blank=True, default="")
    purpose = models.CharField(max_length=40)
    hardware = models.CharField(max_length=20, choices=[(h, h) for h in Hardware])
    cpu_seconds = models.DecimalField(max_digits=18, decimal_places=6)
    wall_seconds = models.DecimalField(max_digits=18, decimal_places=6)
    gpu_seconds = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    peak_memory_bytes = models.BigIntegerField(default=0)
    # The peak held for the whole time: no more than this was used.
    gib_seconds = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    # {hardware: {per_second, valid_from, rate}}: what it was priced at; `rate` is null for the shipped one.
    rates = models.JSONField(default=dict)
    amount = models.DecimalField(max_digits=18, decimal_places=6)
    currency = models.CharField(max_length=3)
    entered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="cost_not_negative"),
            models.UniqueConstraint(
                fields=["run", "partition", "fence"], nulls_distinct=False, name="cost_once_per_attempt"
            ),
        ]
        indexes = [
            models.Index(fields=["unit_key", "entered_at"], name="cost_by_unit_and_time"),
            models.Index(fields=["model_key", "entered_at"], name="cost_by_model_and_time"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} for run {self.run}"

    def audit_ref(self) -> Ref:
        return Ref(type="cost", id=str(self.pk), name=str(self))


class CostLine(models.Model):
    """A gate's part of an entry, by its time; the parts of an entry add up to it exactly. A fact."""

    entry = models.ForeignKey(CostEntry, on_delete=models.PROTECT, related_name="lines")
    # Empty for what belongs to no gate: starting, loading, and time that nobody measured.
    gate = models.CharField(max_length=200, blank=True)
    policy = models.CharField(max_length=120, blank=True)
    wall_seconds = models.DecimalField(max_digits=18, decimal_places=6)
    amount = models.DecimalField(max_digits=18, decimal_places=6)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["entry", "gate", "policy"], name="cost_line_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="cost_line_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.gate or 'no gate'}"


class Budget(models.Model):
    """A ceiling for a unit, or for one model of it, in a month; once it is reached no run begins."""

    unit_key = models.CharField(max_length=80)
    # Empty: the whole unit.
    model_key = models.CharField(max_length=200, blank=True, default="")
    month = models.DateField()
    amount = models.DecimalField(max_digits=18, decimal_places=2)
    currency = models.CharField(max_length=3)
    set_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["unit_key", "model_key", "month", "currency"], name="budget_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="budget_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.model_key or self.unit_key} {self.month:%Y-%m}: {self.amount} {self.currency}"

    def audit_ref(self) -> Ref:
        return Ref(type="budget", id=str(self.pk), name=str(self))


class BudgetAlert(models.Model):
    """A share of a budget was reached: told once for each level and ceiling. A fact."""

    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="alerts")
    level = models.PositiveSmallIntegerField()
    ceiling = models.DecimalField(max_digits=18, decimal_places=2)
    used = models.DecimalField(max_digits=18, decimal_places=6)
    raised_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-raised_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "level", "ceiling"], name="budget_alert_once")
        ]

    def __str__(self) -> str:
        return f"{self.level} % of {self.budget}"

    def audit_ref(self) -> Ref:
        return Ref(type="budget_alert", id=str(self.pk), name=str(self))


class BudgetExcess(models.Model):
    """A person's permission to go beyond a budget: by how much, until when, why. A fact."""

    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="excesses")
    amount = models.DecimalField(max_digits=18, decimal_places=2)
    until = models.DateTimeField()
    reason = models.TextField()
    granted_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-granted_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="budget_excess_positive"),
            models.CheckConstraint(condition=~Q(reason=""), name="budget_excess_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} more than {self.budget}"

    def audit_ref(self) -> Ref:
        return Ref(type="budget_excess", id=str(self.pk), name=str(self))


class Quote(models.Model):
    """What a run was expected to cost when it was asked for; empty amounts say: no history. A fact."""

    run = models.UUIDField(unique=True)
    model_key = models.CharField(max_length=200, db_index=True)
    unit_key = models.CharField(max_length=80)
    low = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    median = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    high = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    currency = models.CharField(max_length=3)
    # How many earlier runs it rests on, and whose.
    sample = models.PositiveIntegerField()
    basis = models.CharField(max_length=20)
    quoted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sample=0, low__isnull=True, median__isnull=True, high__isnull=True)
                | Q(sample__gt=0, low__isnull=False, median__isnull=False, high__isnull=False),
                name="quote_rests_on_runs",
            ),
        ]

    def __str__(self) -> str:
        if self.median is None:
            return f"nothing known yet to expect for run {self.run}"
        return f"{self.median} {self.currency} expected for run {self.run}"

    def audit_ref(self) -> Ref:
        return Ref(type="quote", id=str(self.pk), name=str(self))


class CostImport(models.Model):
    """A bill that somebody brought in, with what became of each of its rows. A fact."""

    source = models.CharField(max_length=20, choices=[(s, s) for s in Source])
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=71, db_index=True)
    # {new, changed, unchanged, unknown, refused}
    counts = models.JSONField()
    # [{row, result, why}] of the rows that were not simply taken.
    report = models.JSONField()
    imported_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-imported_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.source})"

    def audit_ref(self) -> Ref:
        return Ref(type="cost_import", id=str(self.pk), name=str(self), digest=self.digest)


class ImportedCost(models.Model):
    """One charge of a bill that names a model; of the same charge the newest revision counts. A fact."""

    origin = models.ForeignKey(CostImport, on_delete=models.PROTECT, related_name="charges")
    # The digest of what identifies the charge, and of all that was read of it.
    key = models.CharField(max_length=71)
    revision = models.PositiveIntegerField()
    digest = models.CharField(max_length=71)
    source = models.CharField(max_length=20, choices=[(s, s) for s in Source])
    model_key = models.CharField(max_length=200, db_index=True)
    unit_key = models.CharField(max_length=80)
    provider = models.CharField(max_length=200)
    service = models.CharField(max_length=200)
    category = models.CharField(max_length=40)
    description = models.CharField(max_length=500, blank=True)
    resource = models.CharField(max_length=500, blank=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    billed = models.DecimalField(max_digits=24, decimal_places=10)
    # What is summed: the charge with what was paid for in advance spread over its use.
    amount = models.DecimalField(max_digits=24, decimal_places=10)
    currency = models.CharField(max_length=3)
    entered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["key", "revision"], name="charge_revision_once"),
            models.CheckConstraint(
                condition=Q(period_end__gt=models.F("period_start")), name="charge_has_a_period"
            ),
        ]
        indexes = [models.Index(fields=["unit_key", "period_start"], name="charge_by_unit_and_time")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} of {self.provider} for {self.model_key}"
