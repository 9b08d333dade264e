"""Places where versions run, named once."""

from __future__ import annotations

from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.deploys import guards
from apps.deploys.models import Environment


@transaction.atomic
def declare_environment(*, by: Person, key: str, title: str) -> Environment:
    """Name a place where versions run."""
    require(by, Permission.ENVIRONMENT_DECLARE)
    if Environment.objects.filter(key=key).exists():
        raise Invalid(f"The environment {key} is declared already.", field="key")
    environment = Environment(
        key=guards.environment_key(key),
        title=required(title, field="title", longest=200),
        declared_by=by,
    )
    environment.save(force_insert=True)
    audit.record(by=by, action=EventName.ENVIRONMENT_DECLARED, subject=environment, after={"title": title})
    return environment
