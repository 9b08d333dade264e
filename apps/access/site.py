"""The Django admin's door: open to those who manage people or roles, whatever Django's own flags say."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from apps.access.models import Person
from apps.access.queries import permissions_on
from apps.access.states import Permission

OPENS = frozenset({Permission.PERSON_MANAGE, Permission.ROLE_GRANT})


class GovernedSite(AdminSite):
    """Look-up tables and roles; everything goes through the commands."""

    site_header = site_title = "Countersign administration"

    def has_permission(self, request: HttpRequest) -> bool:
        person = request.user
        return isinstance(person, Person) and person.is_active and bool(permissions_on(person) & OPENS)
