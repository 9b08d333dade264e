"""Signed notes, checkpoints and proofs in the text formats of C2SP, byte for byte.

A note is text that ends in a newline, an empty line, and one line per signature. A checkpoint is a
note whose text states a log's origin, size and root. A `LogProof` joins a checkpoint with the
inclusion proof of one entry.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from apps.engine.errors import BadInput, Problem
from apps.engine.keys import KeyRecord, KeySet, Purpose, Signer, signature_holds
from apps.engine.merkle import HASH_BYTES, leaf_hash, verify_inclusion

LARGEST: Final = 1 << 20
PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"
_ED25519: Final = b"\x01"
_SIGNATURE: Final = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class BadNote(Problem):
    """A note, checkpoint or proof that is malformed or not signed by a trusted key."""


def note_key_id(name: str, public: bytes) -> bytes:
    """Derive the four bytes that name an Ed25519 key in a note."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """Write a public key in the form that verifiers of notes are configured with."""
    encoded = base64.b64encode(_ED25519 + public).decode()
    return f"{name}+{note_key_id(name, public).hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name, its four-byte id, and the signature."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Write the line without its newline."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode()}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the signatures that stand below it, not yet verified."""

    text: str
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """Write the note; `parse` of it gives the same note."""
        return (self.text + "\n" + "".join(s.line() + "\n" for s in self.signatures)).encode()

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """Read a note; BadNote names what its form lacks."""
        whole = _text(data)
        cut = whole.rfind("\n\n")
        if cut < 0:
            raise BadNote("The note has no empty line between its text and its signatures.")
        lines = whole[cut + 2 :]
        if not lines.endswith("\n"):
            raise BadNote("The note has no signature line, or its last one is cut off.")
        return cls(whole[: cut + 1], tuple(_signature(line) for line in lines[:-1].split("\n")))

    def signed_by(self, keys: Iterable[KeyRecord], *, name: str) -> list[KeyRecord]:
        """Find which keys signed under a name; BadNote when one of them signed wrongly, or none signed."""
        found: list[KeyRecord] = []
        for key in keys:
            wanted = name, note_key_id(name, key.public)
            for line in self.signatures:
                if (line.name, line.key_id) != wanted:
                    continue
                if not signature_holds(key.public, line.signature, self.text.encode()):
                    raise BadNote(f"The signature of {name} does not fit the text: one of them was altered.")
                found.append(key)
        if not found:
            raise BadNote(f"No trusted key signed this as {name}.")
        return found


def sign_note(text: str, *, name: str, signer: Signer) -> Note:
    """Sign a text that ends in a newline, under the name of a key."""
    if not name or "+" in name or any(c.isspace() for c in name):
        raise BadInput(f"{name!r} cannot be the name of a key: it must not be empty nor hold spaces or +.")
    if not text.endswith("\n"):
        raise BadInput("The text of a note must end in a newline.")
    signature = signer.sign(text.encode())
    return Note(text, (Signature(name, note_key_id(name, signer.public), signature),))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: its name, how many entries it has, and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Write the text that is signed.

        Examples
        --------
        >>> print(Checkpoint("example.com/log", 0, bytes(32)).text(), end="")
        example.com/log
        0
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
        """
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), root, *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a checkpoint; BadNote names the line that is wrong."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) < 3 or not text.endswith("\n") or not all(lines):
            raise BadNote("A checkpoint has at least three lines, none of them empty: origin, size, root.")
        if not _DECIMAL.fullmatch(lines[1]):
            raise BadNote(f'The size of the checkpoint is "{lines[1][:40]}"; expected a decimal number.')
        return cls(lines[0], int(lines[1]), _hash(lines[2], "The root of the checkpoint"), tuple(lines[3:]))


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Sign a checkpoint under its origin's name."""
    return sign_note(checkpoint.text(), name=checkpoint.origin, signer=signer).to_bytes()


def open_checkpoint(data: bytes, keys: KeySet, *, origin: str | None = None) -> Checkpoint:
    """Read a checkpoint and check its log's signature.

    Parameters
    ----------
    data : bytes
        The signed note.
    keys : KeySet
        Keys with the purpose ``"checkpoint"`` count, unless revoked.
    origin : str, optional
        The log it must be of; without it, any log whose key is trusted.

    Raises
    ------
    BadNote
        With the first thing that is wrong.
    """
    note = Note.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    if origin is not None and checkpoint.origin != origin:
        raise BadNote(f'The checkpoint is of the log "{checkpoint.origin}", not of "{origin}".')
    signed = note.signed_by(keys.of(Purpose.CHECKPOINT), name=checkpoint.origin)
    if all(key.revoked_at for key in signed):
        raise BadNote("The key that signed the checkpoint was revoked.")
    return checkpoint


@dataclass(frozen=True, slots=True)
class LogProof:
    """That an entry stands in a log: its index, the hashes up to the root, and a signed checkpoint."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def to_bytes(self) -> bytes:
        """Write the proof as text."""
        lines = [PROOF_HEADER]
        if self.extra:
            lines.append("extra " + base64.b64encode(self.extra).decode())
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(h).decode() for h in self.hashes]
        return "".join(line + "\n" for line in lines).encode() + b"\n" + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> LogProof:
        """Read a proof; BadNote names the line that is wrong."""
        head, gap, note = _text(data).partition("\n\n")
        lines = head.split("\n")
        if not gap or lines.pop(0) != PROOF_HEADER:
            raise BadNote(f'A proof begins with the line "{PROOF_HEADER}" and holds a checkpoint.')
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = _base64(lines.pop(0).removeprefix("extra "), "The extra data of the proof")
        index = lines.pop(0).removeprefix("index ") if lines and lines[0].startswith("index ") else ""
        if not _DECIMAL.fullmatch(index) or len(lines) > 63:
            raise BadNote("The proof must state an index and at most 63 hashes.")
        hashes = tuple(_hash(line, f"Hash {i + 1} of the proof") for i, line in enumerate(lines))
        return cls(int(index), hashes, note.encode(), extra)

    def verify(self, entry: bytes, keys: KeySet, *, origin: str | None = None) -> Checkpoint:
        """Check that the log's signed checkpoint includes the entry; give back the checkpoint."""
        checkpoint = open_checkpoint(self.checkpoint, keys, origin=origin)
        verify_inclusion(
            leaf=leaf_hash(entry),
            index=self.index,
            size=checkpoint.size,
            proof=self.hashes,
            root=checkpoint.root,
        )
        return checkpoint


def _text(data: bytes) -> str:
    if len(data) > LARGEST:
        raise BadNote(f"The note takes {len(data)} bytes; at most {LARGEST} are read.")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadNote(f"The note is not UTF-8 text (byte {error.start}).") from error
    if any(c < " " and c != "\n" for c in text):
        raise BadNote("The note holds a control character.")
    return text


def _signature(line: str) -> Signature:
    found = _SIGNATURE.fullmatch(line)
    if not found or "+" in found[1]:
        raise BadNote(f'"{line[:60]}" is not a signature line.')
    data = _base64(found[2], "A signature")
    if len(data) < 5:
        raise BadNote("A signature line holds no signature.")
    return Signature(found[1], data[:4], data[4:])


def _base64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote(f"{what} is not base64.") from error
    if base64.b64encode(data).decode() != text:
        raise BadNote(f"{what} is not in the one form that base64 gives it.")
    return data


def _hash(text: str, what: str) -> bytes:
    data = _base64(text, what)
    if len(data) != HASH_BYTES:
        raise BadNote(f"{what} has {len(data)} bytes; expected {HASH_BYTES}.")
    return data
