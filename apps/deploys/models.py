from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.audit.states import Ref
from apps.deploys.models_experiments import Experiment as Experiment
from apps.deploys.models_experiments import ExperimentEnd as ExperimentEnd
from apps.deploys.models_experiments import ExperimentResult as ExperimentResult
from apps.deploys.models_glass import Glass as Glass
from apps.deploys.models_glass import GlassEnd as GlassEnd
from apps.deploys.models_glass import GlassRequest as GlassRequest
from apps.deploys.models_registries import RegistryEntry as RegistryEntry
from apps.deploys.models_registries import RegistryPoll as RegistryPoll
from apps.deploys.models_running import LONGEST_SLOT as LONGEST_SLOT
from apps.deploys.models_running import CallCount as CallCount
from apps.deploys.models_running import Deployment as Deployment
from apps.deploys.models_running import RevocationList as RevocationList
from apps.deploys.models_running import Rollback as Rollback
from apps.deploys.models_running import Settlement as Settlement
from apps.deploys.states import Outcome, VersionFrom
from apps.inventory.models import ModelVersion, RegisteredModel

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
    jurisdiction = models.CharField(max_length=10, blank=True)
    exposure_eur = models.CharField(max_length=40, blank=True)
    # The experiment that it was asked for, and the share of the calls in percent.
    experiment = models.CharField(max_length=36, blank=True)
    share = models.CharField(max_length=10, blank=True)
    # As what it is deployed, and what the request states of that; policies may name patterns for it.
    deploy_type = models.CharField(max_length=20, blank=True)
    properties = models.JSONField(default=dict)
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


class Integration(models.Model):
    """A pipeline, a registry or a cluster that asks or tells: as whom, and at which hosts it is told."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    name = models.SlugField(max_length=80, unique=True)
    settings = models.JSONField(default=dict)
    # As COUNTERSIGN_ENDPOINTS writes them: a host, host:port, http://host, each with networks after an "=".
    hosts = models.JSONField(default=list)
    account = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="integrations")
    enabled = models.BooleanField(default=True)
    made_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def audit_ref(self) -> Ref:
        return Ref(type="integration", id=str(self.pk), name=self.name)


class IntegrationSecret(models.Model):
    """A secret of an integration, locked with the service's own key; two hold while it is rotated."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="secrets")
    name = models.CharField(max_length=40)
    locked = models.BinaryField()
    last4 = models.CharField(max_length=4, blank=True)
    made_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name

    def audit_ref(self) -> Ref:
        return self.integration.audit_ref()


class Binding(models.Model):
    """Which model a pipeline speaks of: a repository or project, and the name that it has for the place."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="bindings")
    # The number that the other side never changes; empty stands for every repository.
    source = models.CharField(max_length=200, blank=True)
    place = models.CharField(max_length=200, blank=True)
    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    use = models.CharField(max_length=120, blank=True)
    version_from = models.CharField(max_length=20, choices=[(v, v) for v in VersionFrom])
    version = models.CharField(max_length=120, blank=True)
    # As what the pipeline deploys it, and what may be stated of that: whoever binds answers for it.
    deploy_type = models.CharField(max_length=20, blank=True)
    properties = models.JSONField(default=dict)
    made_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "source", "place", "model"],
                condition=Q(ended_at=None),
                name="binding_once",
            ),
            models.CheckConstraint(
                condition=Q(version_from=VersionFrom.FIXED) ^ Q(version=""), name="binding_fixed_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source or 'any'} {self.place or 'any'}: {self.model_id} in {self.environment_id}"

    def audit_ref(self) -> Ref:
        return self.integration.audit_ref()


class Inbound(models.Model):
    """One delivery that an integration took in, once; its effect stands or falls with it. A fact."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="deliveries")
    delivery = models.CharField(max_length=200)
    what = models.CharField(max_length=80)
    body_digest = models.CharField(max_length=71)
    outcome = models.CharField(max_length=300)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "delivery"], name="inbound_once"),
        ]

    def __str__(self) -> str:
        return self.delivery

    def audit_ref(self) -> Ref:
        return Ref(type="delivery", id=f"{self.integration_id}/{self.delivery}", name=self.what)


class Question(models.Model):
    """What a pipeline asked and waits to be told elsewhere: asked of the deploy gate, told, tried again.

    `where` holds the ids that the address is built from; `locked` what the answer is sent with, until it is.
    """

    inbound = models.OneToOneField(Inbound, on_delete=models.PROTECT, related_name="question")
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="questions")
    source = models.CharField(max_length=200)
    place = models.CharField(max_length=200)
    commit = models.CharField(max_length=64, blank=True)
    ref = models.CharField(max_length=300, blank=True)
    where = models.JSONField(default=dict)
    locked = models.BinaryField(null=True)
    admission = models.ForeignKey(Admission, null=True, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=0)
    reports = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, db_default=Now())
    told = models.CharField(max_length=20, blank=True)
    told_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-asked_at", "-id"]
        indexes = [models.Index(fields=["next_at"], condition=Q(told_at=None), name="question_due")]

    def __str__(self) -> str:
        return f"{self.source} {self.place}"

    def audit_ref(self) -> Ref:
        return Ref(type="question", id=str(self.pk), name=str(self))


class TokenUse(models.Model):
    """An identity token of a pipeline that was used: the same one is taken once. A fact."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+")
    jti = models.CharField(max_length=64)
    request = models.CharField(max_length=64)
    used_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["integration", "jti"], name="identity_token_once")]

    def __str__(self) -> str:
        return self.jti[:12]
