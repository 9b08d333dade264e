"""Signing keys: files that sign, public records with their windows, and the set a verifier trusts.

A key's id is the SHA-256 of its public bytes, so an id cannot be moved to another key. `valid_to`
is the day a key was put away in good order; `revoked_at` says that it may have been stolen.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from apps.engine.errors import BadInput

_RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


class Purpose(StrEnum):
    """What a key may sign; a key serves one purpose."""

    STATEMENT = "statement"
    CHECKPOINT = "checkpoint"


class Signer(Protocol):
    """Whatever can sign: a file here, a hardware module or a key service elsewhere."""

    @property
    def key_id(self) -> str:
        """``"sha256:…"`` of the public key's 32 bytes."""
        ...

    @property
    def public(self) -> bytes:
        """The 32 bytes of the Ed25519 public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature."""
        ...


def key_id_of(public: bytes) -> str:
    """The id of a public key: the SHA-256 of its 32 bytes."""
    return "sha256:" + hashlib.sha256(public).hexdigest()


def signature_holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """True when the key with these public bytes made this signature over this message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class FileSigner:
    """An Ed25519 key in a file that only its owner may read: PEM (PKCS#8) or 32 raw bytes."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key().public_bytes(*_RAW)

    @classmethod
    def open(cls, path: Path) -> FileSigner:
        """Read a key; BadInput when others may read the file or it holds no Ed25519 key."""
        if path.stat().st_mode & 0o077:
            raise BadInput(f"Others may read the key {path.name}; its mode must be 0600.")
        return cls(_private_key(path.read_bytes(), path.name))

    @classmethod
    def create(cls, path: Path) -> FileSigner:
        """Make a new key in a new file; the file appears whole or not at all."""
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
        return cls(key)

    @property
    def key_id(self) -> str:
        """``"sha256:…"`` of the public key's 32 bytes."""
        return key_id_of(self._public)

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"FileSigner({self.key_id[:14]}…)"


def _private_key(data: bytes, name: str) -> Ed25519PrivateKey:
    if len(data) == 32:
        return Ed25519PrivateKey.from_private_bytes(data)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise BadInput(f"The key {name} is neither a PEM file without password nor 32 raw bytes.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(f"The key {name} is not an Ed25519 key.")
    return key


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """The public half of a key and the time in which its signatures count: [valid_from, valid_to)."""

    public: bytes
    purpose: Purpose
    valid_from: datetime
    valid_to: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def key_id(self) -> str:
        """The id, always recomputed from the public bytes."""
        return key_id_of(self.public)

    def why_not(self, signed: datetime, logged: datetime | None = None) -> str | None:
        """Why a signature said to be made at `signed` does not count; None when it counts.

        `logged` is a time by which the log proves that the signature existed.
        """
        name = f"the key {self.key_id[:19]}…"
        if signed < self.valid_from:
            return f"Signed at {_day(signed)}, before {name} was valid ({_day(self.valid_from)})."
        if self.valid_to is not None and signed >= self.valid_to:
            return f"Signed at {_day(signed)}, after {name} was retired ({_day(self.valid_to)})."
        if self.revoked_at is None:
            return None
        if logged is None:
            revoked = _day(self.revoked_at)
            return f"Signed with {name}, revoked at {revoked}; nothing proves that it was signed before."
        if max(signed, logged) >= self.revoked_at:
            return f"Signed with {name} after it was revoked ({_day(self.revoked_at)})."
        return None

    def as_json(self) -> dict[str, Any]:
        """The record as it stands in a key set."""
        return {
            "keyid": self.key_id,
            "purpose": str(self.purpose),
            "public": base64.b64encode(self.public).decode(),
            "valid_from": _day(self.valid_from),
            "valid_to": self.valid_to and _day(self.valid_to),
            "revoked_at": self.revoked_at and _day(self.revoked_at),
        }


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys a verifier trusts, and the certificates (PEM) that signers of reports descend from.

    `authorities` are the certificates of those who stamp time, which no signer may descend from;
    `revocations` the lists (PEM) of the signers' certificates that were withdrawn.
    """

    records: tuple[KeyRecord, ...] = ()
    certificates: tuple[str, ...] = field(default=())
    authorities: tuple[str, ...] = field(default=())
    revocations: tuple[str, ...] = field(default=())

    def __iter__(self) -> Iterator[KeyRecord]:
        return iter(self.records)

    def of(self, purpose: Purpose) -> list[KeyRecord]:
        """The keys that serve a purpose, each once."""
        return list({r.key_id: r for r in self.records if r.purpose == purpose}.values())

    def as_json(self) -> dict[str, Any]:
        """The document that the service publishes and `countersign verify --keys` reads."""
        return {
            "kind": "KeySet",
            "keys": [r.as_json() for r in self.records],
            "certificates": list(self.certificates),
            "timestamp_certificates": list(self.authorities),
            "revocation_lists": list(self.revocations),
        }

    @classmethod
    def from_json(cls, doc: Any, *, what: str = "The key set") -> KeySet:
        """Read a key set; BadInput names the first fault, among them an id that is not the key's."""
        known = isinstance(doc, Mapping) and doc.get("kind") == "KeySet"
        if not known or not isinstance(doc.get("keys"), list):
            raise BadInput(f'{what} must be an object with "kind": "KeySet" and a list "keys".')
        return cls(
            tuple(_record(entry, i, what) for i, entry in enumerate(doc["keys"])),
            _texts(doc, "certificates", what),
            _texts(doc, "timestamp_certificates", what),
            _texts(doc, "revocation_lists", what),
        )

    @classmethod
    def from_pem(cls, data: bytes, *, what: str = "The key file") -> KeySet:
        """Public keys in PEM form, trusted for both purposes and without a window; certificates; their lists.

        Nothing in PEM says whether a certificate is for signers or for time, so each counts for both.
        """
        keys: list[KeyRecord] = []
        certificates: list[str] = []
        withdrawn: list[str] = []
        for block in _pem_blocks(data):
            label = block.split(b"\n", 1)[0]
            if b"CERTIFICATE" in label or b"X509 CRL" in label:
                kept = certificates if b"CERTIFICATE" in label else withdrawn
                kept.append(block.decode("ascii", "replace"))
            else:
                keys.extend(_forever(_public_key(block, what)))
        if not keys and not certificates:
            raise BadInput(f"{what} holds neither a public key nor a certificate.")
        return cls(tuple(keys), tuple(certificates), tuple(certificates), tuple(withdrawn))


def _texts(doc: Mapping[str, Any], name: str, what: str) -> tuple[str, ...]:
    found = doc.get(name) or []
    if not isinstance(found, list) or not all(isinstance(c, str) for c in found):
        raise BadInput(f'"{name}" of {what[0].lower() + what[1:]} must be a list of PEM texts.')
    return tuple(found)


def _forever(public: bytes) -> Iterable[KeyRecord]:
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return [KeyRecord(public=public, purpose=p, valid_from=start) for p in Purpose]


def _pem_blocks(data: bytes) -> Iterator[bytes]:
    for part in data.split(b"-----BEGIN ")[1:]:
        yield b"-----BEGIN " + part.strip() + b"\n"


def _public_key(block: bytes, what: str) -> bytes:
    try:
        key = serialization.load_pem_public_key(block)
    except ValueError as error:
        raise BadInput(f"{what} holds a block that is not a public key.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput(f"{what} holds a public key that is not Ed25519.")
    return key.public_bytes(*_RAW)


def _record(entry: Any, i: int, what: str) -> KeyRecord:
    try:
        public = base64.b64decode(entry["public"], validate=True)
        record = KeyRecord(
            public=public,
            purpose=Purpose(entry["purpose"]),
            valid_from=_moment(entry["valid_from"]),
            valid_to=_moment(entry["valid_to"]) if entry.get("valid_to") else None,
            revoked_at=_moment(entry["revoked_at"]) if entry.get("revoked_at") else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{what}: key number {i + 1} cannot be read ({error}).") from error
    if len(public) != 32 or record.key_id != entry.get("keyid"):
        raise BadInput(f"{what}: key number {i + 1} has an id that is not the SHA-256 of its public bytes.")
    return record


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the time {text} has no time zone")
    return moment
