"""What a model is used for: added, and one day ended. Nothing is deleted."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.inventory import guards
from apps.inventory.models import RegisteredModel, Use


@transaction.atomic
def add_use(*, by: Person, model: RegisteredModel, key: str, title: str = "") -> Use:
    """Add a use of a model; the same again is the one that stands."""
    require(by, Permission.VERSION_REGISTER, model)
    return use_of(by=by, model=model, key=key, title=title)


@transaction.atomic
def use_of(*, by: Person, model: RegisteredModel, key: str, title: str = "") -> Use:
    """The use of that name; it is made when it is not there. For commands that checked who may."""
    named, called = guards.key(key, "use"), clean(title, field="title", longest=300)
    use, new = Use.objects.get_or_create(model=model, key=named, defaults={"title": called})
    guards.in_service(use)
    if new:
        audit.record(by=by, action=EventName.USE_ADDED, subject=use, after={"use": named, "title": called})
    return use


@transaction.atomic
def retire_use(*, by: Person, use: Use, reason: str) -> Use:
    """End a use: from now on no version may run for it."""
    require(by, Permission.USE_RETIRE, use.model)
    said, now = required(reason, field="reason", lines=True), timezone.now()
    if not Use.objects.filter(pk=use.pk, retired_at=None).update(retired_at=now, retired_by=by):
        raise Refused(f"The use {use.key} of {use.model.key} was retired before.")
    use.refresh_from_db()
    audit.record(
        by=by,
        action=EventName.USE_RETIRED,
        subject=use,
        before={"retired_at": None},
        after={"retired_at": now},
        reason=said,
    )
    return use
