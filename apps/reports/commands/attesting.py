"""Taking a version away in a format that others read; what attests is signed, and told of, as it goes out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.models import Person
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.reports.formats import Drawn, File, drawn_as, written


def export_version(*, by: Person, model: str, label: str, format: str) -> File:
    """A version as a file of a format; an attestation goes in an envelope that the service signs."""
    drawn = drawn_as(by, model, label, format)
    if not drawn.chosen.signed or not isinstance(drawn.made, Mapping):
        return written(drawn)
    return File(drawn.name, drawn.chosen.media, _sealed(by, drawn, drawn.made))


@transaction.atomic
def _sealed(by: Person, drawn: Drawn, statement: Mapping[str, Any]) -> bytes:
    about = [
        Ref("version", one["name"], one["name"], f"sha256:{one['digest']['sha256']}")
        for one in statement["subject"]
    ]
    sealed = audit.seal(
        by=by,
        predicate_type=statement["predicateType"],
        subjects=about,
        predicate=statement["predicate"],
        event=EventName.EXPORT_MADE,
        about=Ref(type="export", id=str(uuid.uuid4()), name=drawn.name, digest=about[0].digest),
    )
    return bytes(sealed.envelope)
