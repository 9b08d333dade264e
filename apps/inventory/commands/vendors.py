"""Vendors: what their file holds, and what they told of changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import required
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.inventory import guards, vendors
from apps.inventory.commands.models import hold_model
from apps.inventory.models import ChangeNotice, ModelDocument, RegisteredModel, VendorReview
from apps.inventory.sealed import subject_of


@transaction.atomic
def keep_vendor_review(
    *, by: Person, model: RegisteredModel, vendor: str, answers: Mapping[str, Any]
) -> VendorReview:
    """Hold the vendor's file against the checklist; the newest review counts."""
    require(by, Permission.FINDING_OPEN, model)
    _bought(model)
    called, found = required(vendor, field="vendor", longest=200), vendors.judged(answers)
    hold_model(model.key)
    fields = {
        "vendor": called,
        "answers": found.answers,
        "checklist": vendors.CHECKLIST,
        "points": found.points,
        "of": found.of,
    }
    statement = audit.seal(
        by=by,
        predicate_type=vendors.REVIEW,
        subjects=[subject_of(model)],
        predicate={"model": model.key, **fields, "reviewedBy": str(by.pk)},
        event=EventName.VENDOR_REVIEWED,
        about=model,
    )
    return VendorReview.objects.create(
        model=model, reviewed_by=by, statement_digest=statement.digest, **fields
    )


@transaction.atomic
def note_change(
    *,
    by: Person,
    model: RegisteredModel,
    announces: str,
    told_on: date | None,
    summary: str,
    effective_on: date | None = None,
    document: ModelDocument | None = None,
) -> ChangeNotice:
    """Write down what the vendor told of the version of this label, before or after it is registered."""
    require(by, Permission.MODEL_REGISTER, model)
    _bought(model)
    if told_on is None:
        raise Invalid("Say on which day the vendor told it.", field="told_on")
    if document is not None and document.model_id != model.pk:
        raise Invalid("The document is one of another model.", field="document")
    fields = {
        "announces": guards.key(announces, "announces"),
        "told_on": told_on,
        "effective_on": effective_on,
        "summary": required(summary, field="summary", lines=True),
    }
    statement = audit.seal(
        by=by,
        predicate_type=vendors.NOTICE,
        subjects=[subject_of(model)],
        predicate={
            "model": model.key,
            **fields,
            "document": document.statement_digest if document else "",
            "registeredBy": str(by.pk),
        },
        event=EventName.CHANGE_NOTICED,
        about=model,
    )
    return ChangeNotice.objects.create(
        model=model, document=document, registered_by=by, statement_digest=statement.digest, **fields
    )


def _bought(model: RegisteredModel) -> None:
    if not model.vendor:
        raise Invalid(f"{model.key} was built here: there is no vendor to ask.", field="model")
