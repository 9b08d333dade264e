"""Signed notes, checkpoints and cosignatures in the text formats of C2SP."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from countersign_verify import keys
from countersign_verify.faults import Wrong

LARGEST = 1 << 20
_LINE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LOG, _WITNESS = b"\x01", b"\x04"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    id: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a note says of a log, and who signed it; nothing of it is trusted yet."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness's name and public key."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that stand before its cosignatures."""
        return _id(self.name, _WITNESS, self.public)


def _id(name: str, kind: bytes, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def read(data: bytes) -> Checkpoint:
    """Read the note of a checkpoint; Wrong names what its form lacks."""
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise Wrong("The checkpoint is not UTF-8 text.") from None
    if len(data) > LARGEST or any(c < " " and c != "\n" for c in whole):
        raise Wrong("The checkpoint is too large or holds a control character.")
    text, gap, below = whole.rpartition("\n\n")
    lines = text.split("\n")
    if not gap or not below.endswith("\n") or len(lines) < 3 or not all(lines):
        raise Wrong("The checkpoint has not the form of a signed note.")
    if not _SIZE.fullmatch(lines[1]):
        raise Wrong(f"The size of the checkpoint is {lines[1][:40]!r}.")
    signatures = tuple(_signature(line) for line in below[:-1].split("\n"))
    root = _bytes(lines[2], "The root of the checkpoint")
    if len(root) != 32:
        raise Wrong("The root of the checkpoint is no hash.")
    return Checkpoint(lines[0], int(lines[1]), root, text + "\n", signatures)


def _signature(line: str) -> Signature:
    found = _LINE.fullmatch(line)
    data = _bytes(found[2], "A signature") if found else b""
    if found is None or "+" in found[1] or len(data) < 5:
        raise Wrong(f"{line[:60]!r} is no signature line.")
    return Signature(found[1], data[:4], data[4:])


def _bytes(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Wrong(f"{what} is not base64.") from None
    if base64.b64encode(data).decode() != text:
        raise Wrong(f"{what} is not in the one form that base64 gives it.")
    return data


def signers(found: Checkpoint, trusted: Iterable[keys.Key]) -> list[keys.Key]:
    """Which keys signed for the log itself; Wrong when one of them signed otherwise, or none signed."""
    good = []
    for key in trusted:
        for line in found.signatures:
            if (line.name, line.id) != (found.origin, _id(found.origin, _LOG, key.public)):
                continue
            if not key.signed(line.data, found.text.encode()):
                raise Wrong(f"The signature of {found.origin} does not fit the checkpoint: it was altered.")
            good.append(key)
    if not good:
        raise Wrong(f"No trusted key signed this checkpoint as {found.origin}.")
    return good


def cosigned(found: Checkpoint, witness: Witness) -> datetime | None:
    """When the witness cosigned; None when it did not, Wrong when its line does not hold."""
    for line in found.signatures:
        if (line.name, line.id) == (witness.name, witness.id):
            return _cosignature(found, witness, line.data)
    return None


def _cosignature(found: Checkpoint, witness: Witness, data: bytes) -> datetime:
    if len(data) != 72:
        raise Wrong(f"The cosignature of {witness.name} has the wrong length.")
    seconds = int.from_bytes(data[:8], "big")
    message = f"cosignature/v1\ntime {seconds}\n{found.text}".encode()
    if not keys.Key(public=witness.public, purpose=keys.CHECKPOINT).signed(data[8:], message):
        raise Wrong(f"The cosignature of {witness.name} does not hold.")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Wrong(f"The cosignature of {witness.name} bears no possible time.") from None


def read_witness(text: str) -> Witness:
    """Read `name+id+base64` as verifiers of notes are configured with."""
    name, _, rest = text.strip().partition("+")
    stated, _, encoded = rest.partition("+")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    witness = Witness(name, data[1:])
    if data[:1] not in (_LOG, _WITNESS) or len(data) != 33 or _id(name, data[:1], data[1:]).hex() != stated:
        raise Wrong(f"{text[:60]!r} is no key of a witness; expected name+id+base64.")
    return witness
