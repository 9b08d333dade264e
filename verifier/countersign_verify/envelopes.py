"""Statements: in-toto, in canonical form, in DSSE envelopes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from countersign_verify import jcs, keys
from countersign_verify.faults import Wrong

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LINKED = re.compile(r"countersign://statements/(sha256:[0-9a-f]{64})")
# Fields in which a statement names other statements; `shown` tells what a person saw, of others too.
NAMING = frozenset(
    {"attestation", "closure", "decision", "evidence", "finding", "proposal", "report", "signoffs"}
    | {"statement", "statements", "waiver", "waivers"}
)
QUOTED = frozenset({"shown", "measurement", "document", "text"})


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose signature holds: its bytes, what it says, when, and by which keys."""

    payload: bytes
    doc: dict[str, Any]
    signed_at: datetime
    keys: tuple[keys.Key, ...]

    @property
    def digest(self) -> str:
        """The digest of the signed bytes, by which others name it."""
        return "sha256:" + hashlib.sha256(self.payload).hexdigest()

    @property
    def predicate(self) -> dict[str, Any]:
        """What it says."""
        found: dict[str, Any] = self.doc["predicate"]
        return found

    def subjects(self) -> list[str]:
        """The digests that it is about."""
        return [f"sha256:{subject['digest']['sha256']}" for subject in self.doc["subject"]]

    def names(self) -> set[str]:
        """The statements that it names by digest."""
        return set(_named(self.predicate, named=False))


def read(envelope: Any, trusted: Iterable[keys.Key]) -> Statement:
    """Check an envelope; revocation is judged by the caller, who knows the log."""
    if not isinstance(envelope, dict) or envelope.get("payloadType") != PAYLOAD_TYPE:
        raise Wrong("It is no envelope of a statement.")
    payload = _bytes(envelope.get("payload"), "payload")
    good = _signed_by(envelope, payload, keys.of(trusted, keys.STATEMENT))
    doc = jcs.canonical_object(payload, "The signed statement")
    _form(doc)
    at = _signed_at(doc["predicate"])
    why = [key.why_not(at) for key in good]
    counted = tuple(key for key, reason in zip(good, why, strict=True) if not reason)
    if not counted:
        raise Wrong(f"The statement was {why[0]}.")
    return Statement(payload, doc, at, counted)


def in_one_form(data: bytes, trusted: Iterable[keys.Key]) -> Any:
    """Read an envelope of which no byte can be changed: canonical, each signature by the key it names."""
    envelope = jcs.canonical_object(data, "The seal")
    payload, signatures = envelope.get("payload"), envelope.get("signatures")
    if not isinstance(signatures, list):
        raise Wrong("It is no envelope of a statement.")
    told = [payload, *(s.get("sig") for s in signatures if isinstance(s, dict))]
    if any(base64.b64encode(_bytes(text, "sig")).decode() != text for text in told):
        raise Wrong("It is not in the one form that base64 gives it.")
    message = _message(_bytes(payload, "payload"))
    known = {key.id: key for key in trusted}
    for one in signatures:
        whole = isinstance(one, dict) and set(one) == {"keyid", "sig"}
        key = known.get(str(one["keyid"])) if whole else None
        if key is None or not key.signed(_bytes(one["sig"], "sig"), message):
            raise Wrong("No trusted key made its signature: it was altered, or signed by somebody else.")
    if set(envelope) != {"payloadType", "payload", "signatures"}:
        raise Wrong("The envelope holds more than an envelope does.")
    return envelope


def _signed_by(envelope: dict[str, Any], payload: bytes, trusted: list[keys.Key]) -> list[keys.Key]:
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or not 0 < len(signatures) <= 100:
        raise Wrong("The envelope must hold between 1 and 100 signatures.")
    message = _message(payload)
    made = [_bytes(s.get("sig") if isinstance(s, dict) else None, "sig") for s in signatures]
    good = [key for key in trusted if any(key.signed(signature, message) for signature in made)]
    if not good:
        raise Wrong("No trusted key made its signature: it was altered, or signed by somebody else.")
    return good


def _message(payload: bytes) -> bytes:
    """What DSSE signs."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _bytes(text: Any, what: str) -> bytes:
    if not isinstance(text, str):
        raise Wrong(f'The envelope has no "{what}".')
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise Wrong(f'The "{what}" of the envelope is not base64.') from None


def _form(doc: dict[str, Any]) -> None:
    if doc.get("_type") != STATEMENT_TYPE or not isinstance(doc.get("predicate"), dict):
        raise Wrong("What was signed is no in-toto Statement v1.")
    subjects = doc.get("subject")
    if not isinstance(subjects, list) or not subjects:
        raise Wrong("The statement is about nothing.")
    for subject in subjects:
        found = subject.get("digest") if isinstance(subject, dict) else None
        value = found.get("sha256") if isinstance(found, dict) else None
        if not isinstance(value, str) or not DIGEST.fullmatch(f"sha256:{value}"):
            raise Wrong("The statement has a subject without a SHA-256 digest.")
    if not isinstance(doc.get("predicateType"), str):
        raise Wrong("The statement does not say of which type it is.")


def _signed_at(predicate: dict[str, Any]) -> datetime:
    for name in ("signedAt", "timeVerified"):
        if name in predicate:
            return keys.moment(predicate[name], f'"{name}" of the statement')
    raise Wrong("The statement does not say when it was signed.")


def _named(value: Any, *, named: bool) -> Iterator[str]:
    if isinstance(value, str):
        if named and DIGEST.fullmatch(value):
            yield value
        elif found := _LINKED.fullmatch(value):
            yield found[1]
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, named=named)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in QUOTED:
                yield from _named(inner, named=key in NAMING)


def digest(data: bytes) -> str:
    """The digest of bytes as statements spell it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
