"""Documents of models: their bytes in the store, their version sealed."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.inventory import documents, guards, room
from apps.inventory.commands.blobs import keep_blob
from apps.inventory.commands.models import hold_model
from apps.inventory.models import ModelDocument, RegisteredModel
from apps.inventory.sealed import subject_of
from apps.inventory.store import Readable, Stored, the_store

_UNPLAIN = re.compile(r"[^\w .()+-]+")


def register_document(
    *,
    by: Person,
    model: RegisteredModel,
    kind: str,
    title: str,
    label: str,
    stream: Readable,
    filename: str,
    size: int = 0,
    expires_on: date | None = None,
    review_on: date | None = None,
    owner: Person | None = None,
) -> ModelDocument:
    """Register a version of a document; the same title with a new label takes the place of the last.

    An expiry that is over already is refused: nothing is registered that does not hold.
    """
    require(by, Permission.MODEL_REGISTER, model)
    fields: dict[str, Any] = {
        "kind": documents.kind_of(kind),
        "title": required(title, field="title", longest=200),
        "label": required(label, field="label", longest=80),
        "filename": plain_name(filename),
        "expires_on": _later(expires_on, "expires_on"),
        "review_on": _later(review_on, "review_on"),
        "owner": guards.owner(owner) if owner is not None else guards.answerable(by),
    }
    room.refuse_full(model.unit, size)
    stored = the_store().put(stream, largest=documents.LARGEST, expected=None)
    if not stored.size:
        raise Invalid("The file is empty.", field="file")
    return _registered(by=by, model=model, stored=stored, fields=fields)


@transaction.atomic
def _registered(
    *, by: Person, model: RegisteredModel, stored: Stored, fields: dict[str, Any]
) -> ModelDocument:
    hold_model(model.key)
    same = {name: fields[name] for name in ("kind", "title", "label")}
    if ModelDocument.objects.filter(model=model, **same).exists():
        raise Refused(
            f"{fields['title']} {fields['label']} is registered already; a new version has another label.",
            code="exists",
        )
    blob = keep_blob(by=by, stored=stored, media="", unit=model.unit)
    statement = audit.seal(
        by=by,
        predicate_type=documents.DOCUMENT,
        subjects=[subject_of(model)],
        predicate={
            "model": model.key,
            "digest": blob.digest,
            "owner": str(fields["owner"].pk),
            "registeredBy": str(by.pk),
            **{name: value for name, value in fields.items() if name != "owner"},
        },
        event=EventName.DOCUMENT_REGISTERED,
        about=model,
    )
    return ModelDocument.objects.create(
        model=model, blob=blob, registered_by=by, statement_digest=statement.digest, **fields
    )


def plain_name(filename: str) -> str:
    """The last part of a name, without what a header or a shell would trip over.

    >>> plain_name('C:\\\\plans\\\\a"b.pdf')
    'a_b.pdf'
    """
    last = filename.replace("\\", "/").rpartition("/")[2]
    found = _UNPLAIN.sub("_", clean(last, field="file", longest=1000)).strip(" .")[-200:]
    return found or "document"


def _later(day: date | None, field: str) -> date | None:
    if day is not None and day <= timezone.now().date():
        raise Invalid(f"{day:%Y-%m-%d} is over; a day after today was expected.", field=field)
    return day
