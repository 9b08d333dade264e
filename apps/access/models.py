from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.access.states import FactorKind, Scope, Unanswered
from apps.audit.states import Actor, Ref

LONGEST_TOKEN = timedelta(days=90)
LONGEST_DELEGATION = timedelta(days=92)


class Person(AbstractUser):
    """Somebody who signs in, or a service account that carries a token.

    `identity` says which human this is: two accounts of one human share it, and count as one.
    """

    name = models.CharField(max_length=200)
    identity = models.CharField(max_length=200)
    is_service = models.BooleanField(default=False)

    # The token that this request was made with; only `authenticate_token` sets it.
    token: ApiToken | None = None
    # Whether a provider proved two factors for this session; only `notice_provider` sets it.
    proved_twice: bool = False
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(identity=""), name="person_has_identity"),
            models.CheckConstraint(condition=Q(is_superuser=False), name="person_is_no_superuser"),
        ]
        indexes = [models.Index(fields=["identity"], name="person_identity")]

    def __str__(self) -> str:
        return self.name or self.username

    def audit_identity(self) -> Actor:
        return Actor(type="service" if self.is_service else "person", id=str(self.pk), name=str(self))

    def audit_ref(self) -> Ref:
        return Ref(type="person", id=str(self.pk), name=self.username)


class RoleGrant(models.Model):
    """A role given to a person, for a scope and a time, by somebody, for a reason."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="grants")
    # The key of a shipped role, or of one of the installation's own.
    role = models.CharField(max_length=40)
    scope = models.CharField(max_length=20, choices=[(s, s) for s in Scope], default=Scope.ORGANISATION)
    scope_key = models.CharField(max_length=200, blank=True)
    # By the clock of the database: grants are compared with it.
    valid_from = models.DateTimeField(db_default=Now())
    valid_to = models.DateTimeField(null=True, blank=True)
    granted_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(auto_now_add=True)
    reason = models.TextField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope=Scope.ORGANISATION, scope_key="")
                | (~Q(scope=Scope.ORGANISATION) & ~Q(scope_key="")),
                name="grant_scope_named",
            ),
            models.CheckConstraint(
                condition=Q(granted_by__isnull=True) | ~Q(granted_by=F("person")), name="grant_not_to_self"
            ),
        ]
        indexes = [models.Index(fields=["person", "role"])]

    def __str__(self) -> str:
        return f"{self.role} for {self.person}"

    def audit_ref(self) -> Ref:
        return Ref(type="grant", id=str(self.pk), name=str(self))


class RoleVersion(models.Model):
    """What a role of the installation's own permits from one moment on; the newest counts. A fact."""

    key = models.SlugField(max_length=40)
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=100)
    sentence = models.TextField()
    # Nothing once the role is retired.
    permissions = models.JSONField(default=list)
    retired = models.BooleanField(default=False)
    made_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    reason = models.TextField()

    class Meta:
        ordering = ["key", "-number"]
        constraints = [models.UniqueConstraint(fields=["key", "number"], name="role_version_once")]

    def __str__(self) -> str:
        return f"{self.title}, version {self.number}"

    def audit_ref(self) -> Ref:
        return Ref(type="role", id=str(self.pk), name=self.key)


class ApiToken(models.Model):
    """A token: only its SHA-512 is kept; the prefix and last four characters name it."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    last4 = models.CharField(max_length=4)
    digest = models.CharField(max_length=128, unique=True)
    scopes = models.JSONField(default=list)
    issued_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="issued_tokens")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__lte=F("created_at") + LONGEST_TOKEN), name="token_expires_in_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last4})"

    def audit_ref(self) -> Ref:
        return Ref(type="token", id=str(self.pk), name=str(self))


class TokenUse(models.Model):
    """A day on which a token was used."""

    token = models.ForeignKey(ApiToken, on_delete=models.PROTECT, related_name="uses")
    day = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "day"], name="token_use_once_a_day")]

    def __str__(self) -> str:
        return f"{self.token} on {self.day}"


class Delegation(models.Model):
    """Reviews that somebody hands to another for a time; the other holds the permission already."""

    delegator = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="delegations_given")
    delegate = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="delegations_held")
    permission = models.CharField(max_length=40)
    scope = models.CharField(max_length=20, choices=[(s, s) for s in Scope], default=Scope.ORGANISATION)
    scope_key = models.CharField(max_length=200, blank=True)
    valid_from = models.DateTimeField(db_default=Now())
    valid_to = models.DateTimeField()
    reason = models.TextField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-valid_from", "-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(delegator=F("delegate")), name="delegation_to_another"),
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="delegation_ends"),
            models.CheckConstraint(
                condition=Q(valid_to__lte=F("valid_from") + LONGEST_DELEGATION),
                name="delegation_ends_in_time",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="delegation_ended_paired",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.permission} of {self.delegator} handed to {self.delegate}"

    def audit_ref(self) -> Ref:
        return Ref(type="delegation", id=str(self.pk), name=self.permission)


class Campaign(models.Model):
    """A round in which every grant of a scope is kept or ended, by people who are asked for it."""

    title = models.CharField(max_length=200)
    scope = models.CharField(max_length=20, choices=[(s, s) for s in Scope], default=Scope.ORGANISATION)
    scope_key = models.CharField(max_length=200, blank=True)
    due = models.DateTimeField()
    unanswered = models.CharField(max_length=10, choices=[(u, u) for u in Unanswered])
    opened_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    # What was reviewed and answered, sealed when it closes.
    statement_digest = models.CharField(max_length=71, blank=True)

    class Meta:
        ordering = ["-opened_at", "-pk"]

    def __str__(self) -> str:
        return self.title

    def audit_ref(self) -> Ref:
        return Ref(type="campaign", id=str(self.pk), name=self.title)


class CampaignItem(models.Model):
    """One grant of a campaign and who is asked about it. A fact."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="items")
    grant = models.ForeignKey(RoleGrant, on_delete=models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["campaign", "grant"], name="grant_once_per_campaign")]

    def __str__(self) -> str:
        return f"{self.grant} in {self.campaign}"


class CampaignAnswer(models.Model):
    """A grant kept or ended, with the reason; `answered_by` is empty where the due date passed. A fact."""

    item = models.OneToOneField(CampaignItem, on_delete=models.PROTECT, related_name="answer")
    kept = models.BooleanField()
    reason = models.TextField()
    answered_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    answered_on = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.item}: {'kept' if self.kept else 'ended'}"

    def audit_ref(self) -> Ref:
        return Ref(type="campaign", id=str(self.item.campaign_id), name=str(self.item.campaign))


class SecondFactor(models.Model):
    """Something besides the password: an authenticator's shared key, or a passkey's public one.

    `counter` only grows: the last step whose code was used, or the passkey's own count.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="factors")
    kind = models.CharField(max_length=10, choices=[(k, k) for k in FactorKind])
    name = models.CharField(max_length=100)
    key = models.BinaryField()
    credential = models.BinaryField(null=True, unique=True)
    counter = models.BigIntegerField(default=0)
    added_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "name"], condition=Q(removed_at=None), name="factor_named_once"
            ),
            models.CheckConstraint(
                condition=Q(kind=FactorKind.PASSKEY, credential__isnull=False)
                | Q(kind=FactorKind.TOTP, credential__isnull=True),
                name="factor_of_its_kind",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def audit_ref(self) -> Ref:
        return Ref(type="factor", id=str(self.pk), name=self.kind)


class RecoveryCode(models.Model):
    """One of the codes for the day when every second factor is lost; only its digest is kept."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"recovery code of {self.person}"


class IdempotentRequest(models.Model):
    """The stored answer to a write that carried an Idempotency-Key."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key


class SignInAttempt(models.Model):
    """A try to sign in: what slows the next one. `account` is a digest of the name that was typed."""

    account = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    at = models.DateTimeField(db_default=Now())
    succeeded = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["account", "at"], name="attempt_by_account"),
            models.Index(fields=["address", "at"], name="attempt_by_address"),
            models.Index(fields=["at"], name="attempt_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.account[:8]} from {self.address}"
