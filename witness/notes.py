"""The texts of C2SP: verifier keys, signed notes, checkpoints, cosignatures, requests, consistency."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LOG, COSIGNER = 0x01, 0x04  # kinds of keys: signatures of logs, timed signatures of witnesses
EMPTY_ROOT = hashlib.sha256(b"").digest()
MOST_PROOF = 63
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")


class Malformed(Exception):
    """A text that does not have its form; the message says where."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key under a name, and the kind of signatures that it makes."""

    name: str
    public: bytes
    kind: int

    @property
    def id(self) -> bytes:
        return hashlib.sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.public).digest()[:4]

    def text(self) -> str:
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> Key:
        name, told, encoded = (*text.split("+", 2), "", "")[:3]
        data = decoded(encoded, f"The key {name!r}")
        if not name or len(data) != 33 or data[0] not in (LOG, COSIGNER):
            raise Malformed(f"{text[:80]!r} is no verifier key: name+id+base64 of an Ed25519 key.")
        found = cls(name, data[1:], data[0])
        if found.id.hex() != told:
            raise Malformed(f"The id {told!r} of the key {name!r} is not that of its bytes.")
        return found


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name, size and root, with the text that was signed and its signatures."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[tuple[str, bytes], ...]

    def signed_by(self, keys: Sequence[Key]) -> bool:
        """Whether one of these keys signed the text; signatures of others do not count."""
        known = {(key.name, key.id): key for key in keys}
        for name, data in self.signatures:
            key = known.get((name, data[:4]))
            if key is not None and _holds(key.public, data[4:], self.text.encode()):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Request:
    """The body of add-checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint


def read_request(data: bytes) -> Request:
    try:
        head, gap, note = data.decode().partition("\n\n")
    except UnicodeDecodeError as error:
        raise Malformed("The body is not UTF-8.") from error
    first, *proof = head.split("\n")
    if not gap or not first.startswith("old ") or not _DECIMAL.fullmatch(first[4:]):
        raise Malformed('The body begins with "old " and a size, and an empty line precedes the checkpoint.')
    if len(proof) > MOST_PROOF:
        raise Malformed(f"The proof has {len(proof)} lines; at most {MOST_PROOF} are read.")
    return Request(int(first[4:]), tuple(_hash(line) for line in proof), read_checkpoint(note))


def read_checkpoint(note: str) -> Checkpoint:
    cut = note.rfind("\n\n")
    lines = note[: cut + 1].split("\n")[:-1]
    if cut < 0 or not note.endswith("\n") or len(lines) < 3 or not all(lines):
        raise Malformed("The checkpoint is not a signed note of at least three lines.")
    if not _DECIMAL.fullmatch(lines[1]):
        raise Malformed("The size of the checkpoint is not a decimal number.")
    signatures = tuple(_signature(line) for line in note[cut + 2 : -1].split("\n"))
    return Checkpoint(lines[0], int(lines[1]), _hash(lines[2]), note[: cut + 1], signatures)


def cosign(checkpoint: Checkpoint, key: Ed25519PrivateKey, name: str, at: int) -> str:
    """The signature line of a witness who saw this checkpoint at this second."""
    signature = key.sign(f"cosignature/v1\ntime {at}\n{checkpoint.text}".encode())
    own = Key(name, key.public_key().public_bytes_raw(), COSIGNER)
    encoded = base64.b64encode(own.id + at.to_bytes(8, "big") + signature).decode()
    return f"— {name} {encoded}\n"


def continues(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of `new` leaves begins with that of `old` (RFC 9162, 2.1.4.2)."""
    if old == new or old == 0:
        return not proof and old_root == (new_root if old == new else EMPTY_ROOT)
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = steps.pop(0) if steps else b""
    for sibling in steps:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = _joined(sibling, first), _joined(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = _joined(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and (first, second) == (old_root, new_root)


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _holds(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signature(line: str) -> tuple[str, bytes]:
    found = _SIGNATURE.fullmatch(line)
    data = decoded(found[2], "A signature") if found else b""
    if not found or len(data) < 5:
        raise Malformed(f"{line[:60]!r} is no signature line.")
    return found[1], data


def _hash(line: str) -> bytes:
    data = decoded(line, "A hash")
    if len(data) != 32:
        raise Malformed(f"A hash has {len(data)} bytes; expected 32.")
    return data


def decoded(text: str, what: str) -> bytes:
    """The bytes of base64 in the one form that it has."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"{what} is not base64.") from error
    if base64.b64encode(data).decode() != text:
        raise Malformed(f"{what} is not in the one form that base64 gives it.")
    return data
