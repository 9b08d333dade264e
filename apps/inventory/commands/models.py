"""Models and the units that they belong to."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.inventory import guards
from apps.inventory.models import BusinessUnit, RegisteredModel

_LOCK = 0x6D6F646C  # "modl"


def hold_model(key: str) -> None:
    """Until the transaction ends nobody else registers anything under this model's key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, zlib.crc32(key.encode()) - 2**31])


@transaction.atomic
def declare_unit(*, by: Person, key: str, title: str) -> BusinessUnit:
    """Add a business unit; the same again is the one that stands."""
    require(by, Permission.PERSON_MANAGE)
    named, called = guards.key(key, "unit"), required(title, field="title", longest=200)
    unit, new = BusinessUnit.objects.get_or_create(key=named, defaults={"title": called})
    if new:
        after = {"key": named, "title": called}
        audit.record(by=by, action=EventName.UNIT_DECLARED, subject=unit, after=after)
    elif unit.title != called:
        raise Refused(f'The unit {named} is there already, as "{unit.title}".', code="exists")
    return unit


@transaction.atomic
def rename_unit(*, by: Person, unit: BusinessUnit, title: str, reason: str) -> BusinessUnit:
    """Give a business unit another title; its key stays, and the past keeps the title that it had."""
    require(by, Permission.PERSON_MANAGE)
    called = required(title, field="title", longest=200)
    said = required(reason, field="reason", lines=True)
    held = BusinessUnit.objects.select_for_update().get(pk=unit.pk)
    if held.title == called:
        raise Invalid(f'The unit {held.key} is called "{called}" already.', field="title")
    before, held.title = {"title": held.title}, called
    held.save(update_fields=["title"])
    audit.record(
        by=by,
        action=EventName.UNIT_RENAMED,
        subject=held,
        before=before,
        after={"title": called},
        reason=said,
    )
    return held


@transaction.atomic
def register_model(
    *,
    by: Person,
    key: str,
    title: str,
    kind: str,
    unit: BusinessUnit,
    owner: Person,
    purpose: str = "",
    domain: str = "",
    jurisdictions: Iterable[str] = (),
    vendor: bool = False,
    exposure_eur: Any = None,
    limitations: str = "",
) -> RegisteredModel:
    """Enter a model into the inventory."""
    require(by, Permission.MODEL_REGISTER, unit)
    named = guards.free_word(guards.key(key, "key"), "key")
    values = {
        "title": required(title, field="title", longest=300),
        "kind": guards.kind(kind),
        "owner": guards.owner(owner),
        **_described(purpose=purpose, limitations=limitations, domain=domain),
        "jurisdictions": guards.jurisdictions(jurisdictions),
        "vendor": bool(vendor),
        "exposure_eur": guards.exposure(exposure_eur),
    }
    hold_model(named)
    guards.not_registered(named)
    model = RegisteredModel.objects.create(key=named, unit=unit, registered_by=by, **values)
    audit.record(by=by, action=EventName.MODEL_REGISTERED, subject=model, after=_told(model))
    return model


def _described(*, purpose: str, limitations: str, domain: str) -> dict[str, str]:
    return {
        "purpose": clean(purpose, field="purpose", lines=True),
        "limitations": clean(limitations, field="limitations", lines=True),
        "domain": clean(domain, field="domain", longest=80),
    }


def _told(model: RegisteredModel) -> dict[str, Any]:
    return {
        "key": model.key,
        "title": model.title,
        "kind": model.kind,
        "unit": model.unit.key,
        "owner": str(model.owner_id),
        "domain": model.domain,
        "jurisdictions": model.jurisdictions,
        "vendor": model.vendor,
        "exposure_eur": model.exposure_eur,
    }


@transaction.atomic
def change_model(
    *,
    by: Person,
    model: RegisteredModel,
    reason: str,
    title: str | None = None,
    purpose: str | None = None,
    limitations: str | None = None,
    owner: Person | None = None,
    exposure_eur: Any = None,
) -> RegisteredModel:
    """Mend the entry of a model; what is not given stays."""
    require(by, Permission.MODEL_REGISTER, model)
    said = required(reason, field="reason", lines=True)
    given = {
        "title": title and required(title, field="title", longest=300),
        "purpose": purpose and clean(purpose, field="purpose", lines=True),
        "limitations": limitations and clean(limitations, field="limitations", lines=True),
        "owner": owner and guards.owner(owner),
        "exposure_eur": guards.exposure(exposure_eur),
    }
    held = RegisteredModel.objects.select_for_update().get(pk=model.pk)
    changes = {k: v for k, v in given.items() if v is not None and v != getattr(held, k)}
    if not changes:
        raise Invalid("Nothing would change.", field="title")
    before = {k: getattr(held, k) for k in changes}
    for name, value in changes.items():
        setattr(held, name, value)
    held.save(update_fields=list(changes))
    audit.record(
        by=by, action=EventName.MODEL_CHANGED, subject=held, before=before, after=changes, reason=said
    )
    return held
