"""People as others know them: identities at providers, accounts and groups of directories, mapped roles."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now

from apps.access.states import Scope
from apps.audit.states import Ref


class ExternalIdentity(models.Model):
    """Who an account is at a provider: the issuer and its lasting name for the person, never an e-mail."""

    person = models.ForeignKey("access.Person", on_delete=models.PROTECT, related_name="identities")
    provider = models.CharField(max_length=40)
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField(db_default=Now())
    linked_by = models.ForeignKey("access.Person", null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "subject"], condition=Q(ended_at=None), name="identity_of_one_account"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.subject}"

    def audit_ref(self) -> Ref:
        return Ref(type="identity", id=str(self.pk), name=self.provider)


class UsedAnswer(models.Model):
    """An answer of a provider that was used: only the digest of its state is kept, so that it counts once."""

    digest = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.digest[:8]


class GroupMapping(models.Model):
    """Whoever is in this group at that source holds this role, as long as the mapping stands."""

    source = models.CharField(max_length=160)
    group = models.CharField(max_length=200)
    role = models.CharField(max_length=40)
    scope = models.CharField(max_length=20, choices=[(s, s) for s in Scope], default=Scope.ORGANISATION)
    scope_key = models.CharField(max_length=200, blank=True)
    made_by = models.ForeignKey("access.Person", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    reason = models.TextField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "group", "role", "scope", "scope_key"],
                condition=Q(ended_at=None),
                name="mapping_stands_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group} at {self.source}: {self.role}"

    def audit_ref(self) -> Ref:
        return Ref(type="mapping", id=str(self.pk), name=str(self))


class MappedGrant(models.Model):
    """Which mapping a grant came from; only such grants end by themselves when the group is left."""

    grant = models.OneToOneField("access.RoleGrant", on_delete=models.PROTECT, related_name="mapped")
    mapping = models.ForeignKey(GroupMapping, on_delete=models.PROTECT, related_name="grants")

    def __str__(self) -> str:
        return f"{self.grant_id} by {self.mapping_id}"


class DirectoryAccount(models.Model):
    """An account that a directory keeps by SCIM. `directory` is the service account that speaks for it."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True)
    directory = models.ForeignKey("access.Person", on_delete=models.PROTECT, related_name="kept_accounts")
    person = models.OneToOneField("access.Person", on_delete=models.PROTECT, related_name="kept_by")
    user_name = models.CharField(max_length=255)
    external_id = models.CharField(max_length=255, blank=True)
    display_name = models.CharField(max_length=200, blank=True)
    given_name = models.CharField(max_length=100, blank=True)
    family_name = models.CharField(max_length=100, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(F("directory"), Lower("user_name"), name="directory_user_named_once"),
            models.UniqueConstraint(
                fields=["directory", "external_id"],
                condition=~Q(external_id=""),
                name="directory_account_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.uid)


class DirectoryGroup(models.Model):
    """A group of a directory."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True)
    directory = models.ForeignKey("access.Person", on_delete=models.PROTECT, related_name="kept_groups")
    name = models.CharField(max_length=200)
    external_id = models.CharField(max_length=255, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["directory", "name"], condition=Q(removed_at=None), name="directory_group_named_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def audit_ref(self) -> Ref:
        return Ref(type="group", id=str(self.uid), name=self.name)


class DirectoryMember(models.Model):
    """Who is in a group of a directory now."""

    group = models.ForeignKey(DirectoryGroup, on_delete=models.PROTECT, related_name="members")
    account = models.ForeignKey(DirectoryAccount, on_delete=models.PROTECT, related_name="memberships")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "account"], name="directory_member_once")]

    def __str__(self) -> str:
        return f"{self.account_id} in {self.group_id}"
