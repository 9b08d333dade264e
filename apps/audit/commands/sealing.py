from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django.db import transaction
from django.utils import timezone

from apps.audit.commands.keys import service_signer
from apps.audit.commands.recording import record
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.audit.models import Statement
from apps.audit.plain import plain
from apps.audit.states import Acting, Ref, Referable
from apps.engine.canonical import canonical, digest, read_json
from apps.engine.errors import BadInput
from apps.engine.keys import Purpose
from apps.engine.statement import Subject, make_statement, sign


class Named(Protocol):
    """What a statement can be about: anything with a name and a digest."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str | None: ...


def seal(
    *,
    by: Acting,
    predicate_type: str,
    subjects: Sequence[Named],
    predicate: Mapping[str, Any],
    event: EventName,
    about: Referable | None = None,
    reason: str = "",
    on_behalf_of: Acting | None = None,
) -> Statement:
    """Sign and store the canonical bytes of a fact, and record the event that names its digest.

    The time of signing is added to the predicate as `signedAt`. The event is about the statement,
    or about the row in `about`.
    """
    signer = service_signer(by=by, purpose=Purpose.STATEMENT)
    now = timezone.now()
    payload = _payload(predicate_type, subjects, {**predicate, "signedAt": now}, given=predicate)
    with transaction.atomic(savepoint=False):
        known_as = Ref("statement", digest(payload), predicate_type, digest(payload))
        found = record(
            by=by,
            action=event,
            subject=about or known_as,
            after={"statement": known_as.id, "subjects": [s.digest for s in subjects]},
            reason=reason,
            on_behalf_of=on_behalf_of,
            policies=sorted(_policies(predicate)),
        )
        return Statement.objects.create(
            digest=known_as.id,
            predicate_type=predicate_type,
            subjects=[s.digest for s in subjects],
            payload=payload,
            envelope=canonical(sign(payload, signer)),
            key_id=signer.key_id,
            signed_at=now,
            event=found,
        )


def _policies(said: Any) -> set[str]:
    """The digests of the policies that a predicate names, wherever it does under that word."""
    found: set[str] = set()
    for name, value in said.items() if isinstance(said, Mapping) else ():
        if name in ("policies", "policy"):
            found |= {d for one in (value if isinstance(value, list) else [value]) if (d := _named(one))}
        elif name in ("countersign", "subject"):
            found |= _policies(value)
    return found


def _named(policy: Any) -> str:
    told = policy.get("digest") if isinstance(policy, Mapping) else None
    if isinstance(told, Mapping):
        return f"sha256:{told.get('sha256')}"
    return told if isinstance(told, str) else ""


def _payload(
    predicate_type: str, subjects: Sequence[Named], predicate: Mapping[str, Any], *, given: Mapping[str, Any]
) -> bytes:
    if "signedAt" in given:
        raise Invalid('The predicate already has "signedAt"; the seal sets it.', field="signedAt")
    about = [Subject(s.name, s.digest or "") for s in subjects]
    try:
        payload = canonical(make_statement(predicate_type, about, plain(predicate)))
        read_json(payload, what="The statement")
    except BadInput as error:
        raise Invalid(str(error)) from error
    return payload
