from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.access.states import FactorKind, Scope
from apps.audit.states import Actor, Ref

LONGEST_TOKEN = timedelta(days=90)


class Person(AbstractUser):
    """Somebody who signs in, or a service account that carries a token.

    `identity` says which human this is: two accounts of one human share it, and count as one.
    """

    name = models.CharField(max_length=200)
    identity = models.CharField(max_length=200)
    is_service = models.BooleanField(default=False)

    # The token that this request was made with; only `authenticate_token` sets it.
    token: ApiToken | None = None
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
