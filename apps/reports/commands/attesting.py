"""Taking a version away in a format that others read; what attests is signed, and told of, as it goes out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.models import Person
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.models import Statement
from apps.audit.plain import plain
from apps.audit.states import Ref
from apps.audit.trail import contents
from apps.reports.formats import Drawn, File, drawn_as, written

# When it was said, which two statements of the same never share.
_MOMENTS = frozenset({"timeCreated", "signedAt"})


def export_version(*, by: Person, model: str, label: str, format: str) -> File:
    """A version as a file of a format; an attestation goes in an envelope that the service signs."""
    drawn = drawn_as(by, model, label, format)
    if not drawn.chosen.signed or not isinstance(drawn.made, Mapping):
        return written(drawn)
    return File(drawn.name, drawn.chosen.media, _sealed(by, drawn, drawn.made))


@transaction.atomic
def _sealed(by: Person, drawn: Drawn, statement: Mapping[str, Any]) -> bytes:
    """The envelope of what is said; what was signed before and says the same of the same goes out again."""
    about = [
        Ref("version", one["name"], one["name"], f"sha256:{one['digest']['sha256']}")
        for one in statement["subject"]
    ]
    if (standing := _standing(about, statement)) is not None:
        taken = Ref(type="export", id=str(uuid.uuid4()), name=drawn.name, digest=about[0].digest)
        audit.record(by=by, action=EventName.EXPORT_MADE, subject=taken, after={"statement": standing.digest})
        return bytes(standing.envelope)
    sealed = audit.seal(
        by=by,
        predicate_type=statement["predicateType"],
        subjects=about,
        predicate=statement["predicate"],
        event=EventName.EXPORT_MADE,
        about=Ref(type="export", id=str(uuid.uuid4()), name=drawn.name, digest=about[0].digest),
    )
    return bytes(sealed.envelope)


def _standing(about: list[Ref], statement: Mapping[str, Any]) -> Statement | None:
    """The newest statement that says the same, under a key that counts still."""
    rows = Statement.objects.filter(
        predicate_type=statement["predicateType"], subjects=[one.digest for one in about]
    )
    row = rows.order_by("-signed_at").first()
    if row is None:
        return None
    said = contents([row.digest]).get(row.digest)
    same = said is not None and _facts(said["predicate"]) == _facts(plain(dict(statement["predicate"])))
    return row if same else None


def _facts(predicate: Mapping[str, Any]) -> dict[str, Any]:
    """What is said, without the moment at which it was."""
    return {name: value for name, value in predicate.items() if name not in _MOMENTS}
