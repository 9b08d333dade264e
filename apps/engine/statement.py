"""Canonical bytes, digests, statements and their signatures: pure functions of bytes.

A statement is an in-toto Statement v1 in RFC 8785 form, carried in a DSSE envelope signed with
Ed25519. Its predicate says when it was signed (`signedAt`), and that time must lie in the window of
the key. What `verify` returns is parsed from the very bytes that were signed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from apps.engine.canonical import Json, canonical, digest, read_json, read_time, rfc3339
from apps.engine.errors import BadInput, Problem
from apps.engine.keys import KeyRecord, KeySet, Purpose, Signer, signature_holds

__all__ = [
    "NotGenuine",
    "Subject",
    "canonical",
    "digest",
    "make_statement",
    "pae",
    "payload_of",
    "read_json",
    "sign",
    "signed_at",
    "verify",
]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")

_T = TypeVar("_T")


class NotGenuine(Problem):
    """Something signed that does not hold; the sentence names the first thing that is wrong."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about: a name and the digest ``"sha256:…"`` of its bytes."""

    name: str
    digest: str

    def as_json(self) -> dict[str, Any]:
        """The ResourceDescriptor of in-toto; BadInput unless the digest is a SHA-256."""
        if not DIGEST.fullmatch(self.digest):
            raise BadInput(
                f'The digest of "{self.name}" is "{self.digest}"; expected "sha256:" and 64 hex digits.'
            )
        return {"name": self.name, "digest": {"sha256": self.digest.removeprefix("sha256:")}}


def make_statement(
    predicate_type: str, subjects: Sequence[Subject], predicate: Mapping[str, Any]
) -> dict[str, Any]:
    """An in-toto Statement v1; BadInput when it has no subject or does not say when it was signed.

    Examples
    --------
    >>> about, said = [Subject("m", digest(b""))], {"signedAt": "2026-03-01T12:00:00Z"}
    >>> it = make_statement("https://example.com/v1", about, said)
    >>> it["subject"][0]["name"], it["_type"]
    ('m', 'https://in-toto.io/Statement/v1')
    """
    if not subjects:
        raise BadInput("A statement must name at least one subject by digest.")
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [s.as_json() for s in subjects],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }
    signed_at(statement)
    return statement


def signed_at(statement: Mapping[str, Any]) -> datetime:
    """When a statement says it was signed: `signedAt` of its predicate, else `timeVerified`."""
    predicate = statement.get("predicate")
    if isinstance(predicate, Mapping):
        for name in ("signedAt", "timeVerified"):
            if name in predicate:
                return read_time(predicate[name], what=f'"{name}" of the statement')
    raise BadInput('The statement does not say when it was signed: its predicate has no "signedAt".')


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that DSSE signs.

    Examples
    --------
    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, *signers: Signer) -> dict[str, Any]:
    """A DSSE envelope around a statement's canonical bytes, signed by each signer."""
    if not signers:
        raise BadInput("An envelope needs at least one signature.")
    message = pae(PAYLOAD_TYPE, payload)
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {"keyid": s.key_id, "sig": base64.b64encode(s.sign(message)).decode()} for s in signers
        ],
    }


def verify(
    envelope: Mapping[str, Any],
    keys: KeySet,
    *,
    at: datetime | None = None,
    logged_at: datetime | None = None,
    threshold: int = 1,
) -> dict[str, Any]:
    """The statement in an envelope, once everything about it holds.

    Parameters
    ----------
    envelope : Mapping
        The DSSE envelope. `keyid` is only a hint: each signature is tried against every key.
    keys : KeySet
        The keys that are trusted; those with the purpose ``"statement"`` count.
    at : datetime, optional
        When the question is asked: a statement signed later than this did not exist then.
    logged_at : datetime, optional
        A time that the log proves the statement existed. A statement under a *revoked* key is
        accepted only with it, since the thief of a key can write any time into a statement.
    threshold : int
        How many different keys must have signed.

    Raises
    ------
    NotGenuine
        With the first thing that is wrong.
    """
    payload = payload_of(envelope)
    good = _keys_that_signed(envelope, payload, keys)
    statement = _parse(payload)
    moment = _must_be(lambda: signed_at(statement))
    if at is not None and moment > at:
        raise NotGenuine(f"The statement was signed at {rfc3339(moment)}, after {rfc3339(at)}.")
    refusals = [key.why_not(moment, logged_at) for key in good]
    counted = sum(why is None for why in refusals)
    if counted >= threshold:
        return statement
    faults = [why for why in refusals if why]
    if faults:
        raise NotGenuine(faults[0])
    raise NotGenuine(f"{counted} trusted key{'s' * (counted != 1)} signed this; {threshold} must have.")


def payload_of(envelope: Mapping[str, Any]) -> bytes:
    """The signed bytes of an envelope, not yet trusted; NotGenuine when its form is wrong."""
    kind = envelope.get("payloadType")
    if kind != PAYLOAD_TYPE:
        raise NotGenuine(f'The envelope\'s payload type is {kind!r}; expected "{PAYLOAD_TYPE}".')
    return _base64(envelope.get("payload"), "payload")


def _base64(text: Json, what: str) -> bytes:
    if not isinstance(text, str):
        raise NotGenuine(f'The envelope has no "{what}".')
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotGenuine(f'The envelope\'s "{what}" is not base64.') from error


def _keys_that_signed(envelope: Mapping[str, Any], payload: bytes, keys: KeySet) -> list[KeyRecord]:
    """Each trusted key that signed, once, however often its signature stands there."""
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or not signatures or len(signatures) > 100:
        raise NotGenuine("The envelope must hold between 1 and 100 signatures.")
    trusted = keys.of(Purpose.STATEMENT)
    if not trusted:
        raise NotGenuine("No trusted key for statements was given.")
    message = pae(PAYLOAD_TYPE, payload)
    good: dict[str, KeyRecord] = {}
    for entry in signatures:
        signature = _base64(entry.get("sig") if isinstance(entry, dict) else None, "sig")
        for key in trusted:
            if key.key_id not in good and signature_holds(key.public, signature, message):
                good[key.key_id] = key
    if not good:
        raise NotGenuine("No trusted key made any of its signatures: altered, or signed by somebody else.")
    return list(good.values())


def _parse(payload: bytes) -> dict[str, Any]:
    statement = _must_be(lambda: read_json(payload, what="The signed payload"))
    if not isinstance(statement, dict) or statement.get("_type") != STATEMENT_TYPE:
        raise NotGenuine("The signed payload is not an in-toto Statement v1.")
    if canonical(statement) != payload:
        raise NotGenuine("The signed payload is not in canonical form, so it could be read in two ways.")
    if not isinstance(statement.get("subject"), list) or not isinstance(statement.get("predicate"), dict):
        raise NotGenuine("The signed statement lacks its subject or its predicate.")
    return statement


def _must_be(read: Callable[[], _T]) -> _T:
    try:
        return read()
    except BadInput as error:
        raise NotGenuine(str(error)) from error
