"""The Django admin's door: open to those who manage people or roles, whatever Django's own flags say."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.http import urlencode

from apps.access.guards import owes_factor
from apps.access.models import Person
from apps.access.queries import permissions_on
from apps.access.states import Permission

OPENS = frozenset({Permission.PERSON_MANAGE, Permission.ROLE_GRANT})


class GovernedSite(AdminSite):
    """Look-up tables and roles; everything goes through the commands."""

    site_header = site_title = "Countersign administration"

    def has_permission(self, request: HttpRequest) -> bool:
        person = request.user
        if not isinstance(person, Person) or not person.is_active:
            return False
        return bool(permissions_on(person) & OPENS) and not owes_factor(person)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one door: the page that slows wrong tries down and writes each of them down."""
        if self.has_permission(request):
            return redirect("/admin/")
        return redirect(f"/sign-in?{urlencode({'next': '/admin/'})}")

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Passwords change by command, which ends sessions and leaves an event; not here."""
        raise Http404

    def password_change_done(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        raise Http404
