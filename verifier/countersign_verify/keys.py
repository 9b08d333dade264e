"""The keys that are trusted, each with the time in which its signatures count."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from countersign_verify.faults import Wrong

STATEMENT, CHECKPOINT = "statement", "checkpoint"
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public Ed25519 key, what it may sign, and when."""

    public: bytes
    purpose: str
    begins: datetime = _BEGIN
    retired: datetime | None = None
    revoked: datetime | None = None

    @property
    def id(self) -> str:
        """The digest of the public bytes."""
        return "sha256:" + hashlib.sha256(self.public).hexdigest()

    def signed(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made the signature."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def why_not(self, at: datetime) -> str:
        """Why a signature of that time does not count, revocation aside; empty when it counts."""
        if at < self.begins:
            return f"signed at {at.isoformat()}, before the key {self.id[:19]}… was valid"
        if self.retired is not None and at >= self.retired:
            return f"signed at {at.isoformat()}, after the key {self.id[:19]}… was retired"
        return ""


def of(keys: Iterable[Key], purpose: str) -> list[Key]:
    """The keys of a purpose, each once."""
    return list({key.id: key for key in keys if key.purpose == purpose}.values())


def read_set(doc: Any, what: str) -> list[Key]:
    """Read a key set as the service publishes it."""
    if not isinstance(doc, dict) or doc.get("kind") != "KeySet" or not isinstance(doc.get("keys"), list):
        raise Wrong(f"{what} is no key set.")
    return [_key(entry, number, what) for number, entry in enumerate(doc["keys"], 1)]


def certificates_in(doc: Any, name: str, what: str) -> bytes:
    """The PEM texts that a key set lists under a name, one after another."""
    texts = doc.get(name) or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Wrong(f'"{name}" of {what} is no list of texts.')
    return "\n".join(texts).encode()


def _key(entry: Any, number: int, what: str) -> Key:
    try:
        key = Key(
            public=base64.b64decode(entry["public"], validate=True),
            purpose=entry["purpose"],
            begins=_moment(entry["valid_from"]),
            retired=_moment(entry["valid_to"]) if entry.get("valid_to") else None,
            revoked=_moment(entry["revoked_at"]) if entry.get("revoked_at") else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise Wrong(f"Key {number} of {what} cannot be read.") from None
    if key.purpose not in (STATEMENT, CHECKPOINT) or len(key.public) != 32 or key.id != entry.get("keyid"):
        raise Wrong(f"Key {number} of {what} has a wrong purpose, or an id that is not its digest.")
    return key


def read_pem(data: bytes, what: str) -> list[Key]:
    """Read public keys in PEM form: each counts for both purposes, at any time."""
    blocks = [b"-----BEGIN " + part for part in data.split(b"-----BEGIN ")[1:]]
    found: list[Key] = []
    for block in blocks:
        if any(word in block.split(b"\n", 1)[0] for word in (b"CERTIFICATE", b"X509 CRL")):
            continue
        try:
            key = serialization.load_pem_public_key(block)
        except ValueError:
            raise Wrong(f"{what} holds something that is no public key.") from None
        if not isinstance(key, Ed25519PublicKey):
            raise Wrong(f"{what} holds a key that is not Ed25519.")
        public = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        found += [Key(public=public, purpose=STATEMENT), Key(public=public, purpose=CHECKPOINT)]
    if not found:
        raise Wrong(f"{what} holds no public key.")
    return found


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found


def moment(text: Any, what: str) -> datetime:
    """Read a time as it stands in statements and events."""
    try:
        return _moment(text)
    except (TypeError, ValueError):
        raise Wrong(f"{what} is {text!r}, which is no time.") from None
