"""People and roles in the Django admin: read there, changed through the commands, never written directly."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest

from apps.access import commands
from apps.access.guards import may
from apps.access.models import ApiToken, Person, RoleGrant
from apps.access.roles import all_roles
from apps.access.states import Permission
from apps.audit.errors import Refused


class ByCommand(admin.ModelAdmin):  # type: ignore[type-arg]
    """Seen by those who manage people; nothing is changed or deleted here."""

    needs = Permission.PERSON_MANAGE

    def _permitted(self, request: HttpRequest) -> bool:
        return isinstance(request.user, Person) and may(request.user, self.needs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._permitted(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._permitted(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Person)
class PersonAdmin(ByCommand):
    """Everybody who may sign in, and the service accounts."""

    list_display = ("username", "name", "is_service", "is_active", "identity")
    list_filter = ("is_active", "is_service")
    search_fields = ("username", "name")
    fields = ("username", "name", "email", "identity", "is_service", "is_active", "date_joined")


@admin.register(RoleGrant)
class RoleGrantAdmin(ByCommand):
    """Who holds which role; a new one is given by the command, with its guards and its event."""

    needs = Permission.ROLE_GRANT
    list_display = ("person", "role", "scope", "scope_key", "valid_from", "valid_to", "granted_by")
    list_filter = ("role", "scope")
    search_fields = ("person__username",)
    fields = ("person", "role", "scope", "scope_key", "valid_to", "reason")
    actions = ("end_now",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._permitted(request)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "role":
            return forms.ChoiceField(choices=[(role.key, role.title) for role in all_roles().values()])
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: RoleGrant, form: Any, change: bool) -> None:
        """Through the command; a refusal is shown as its sentence and nothing is saved."""
        try:
            made = commands.grant_role(
                by=request.user,  # type: ignore[arg-type]
                person=obj.person,
                role=obj.role,
                scope=obj.scope,
                scope_key=obj.scope_key,
                valid_to=obj.valid_to,
                reason=obj.reason,
            )
        except Refused as refused:
            messages.error(request, str(refused))
            return
        obj.pk = made.pk

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The trail has its own event; the admin keeps no second one."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> Any:
        if obj.pk is None:
            return self.response_post_save_add(request, obj)
        return super().response_add(request, obj, post_url_continue)

    @admin.action(description="End these grants now")
    def end_now(self, request: HttpRequest, rows: Any) -> None:
        for grant in rows:
            try:
                commands.end_grant(by=request.user, grant=grant, reason="ended in the administration")  # type: ignore[arg-type]
            except Refused as refused:
                messages.error(request, str(refused))


@admin.register(ApiToken)
class ApiTokenAdmin(ByCommand):
    """Tokens by their ends; the secret is nowhere."""

    list_display = ("name", "person", "prefix", "last4", "expires_at", "revoked_at", "issued_by")
    fields = ("name", "person", "prefix", "last4", "scopes", "expires_at", "revoked_at", "issued_by")
