"""Cosignatures of witnesses over checkpoints, in the format of C2SP tlog-cosignature.

A witness is known by its name and key; its signature states a second, and that until then it saw no
other history of this log.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from apps.engine.errors import BadInput
from apps.engine.keys import signature_holds
from apps.engine.note import BadNote, Note, Signature

_KIND: Final = b"\x04"


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness as those who trust it know it."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that name the key in a signature line."""
        return hashlib.sha256(self.name.encode() + b"\n" + _KIND + self.public).digest()[:4]

    def text(self) -> str:
        """Write the verifier key; `parse` of it gives the same witness."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_KIND + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Cosigner:
        """Read a verifier key; BadInput says what is wrong with it.

        Examples
        --------
        >>> key = Cosigner("witness.example/w1", bytes(32)).text()
        >>> Cosigner.parse(key).name
        'witness.example/w1'
        """
        name, told, encoded = (*text.strip().split("+", 2), "", "")[:3]
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if not name or len(data) != 33 or data[:1] != _KIND:
            raise BadInput(f"{text[:80]!r} is no witness's verifier key; expected name+id+base64.")
        found = cls(name, data[1:])
        if found.key_id.hex() != told:
            raise BadInput(f"The id {told!r} of the witness {name} is not that of its key.")
        return found

    def signed_at(self, note: Note) -> datetime:
        """Find when this witness cosigned the note, at the latest; BadNote when it did not, or wrongly."""
        found = self.looked_for(note)
        if found is None:
            raise BadNote(f"The witness {self.name} did not cosign this checkpoint.")
        return found

    def looked_for(self, note: Note) -> datetime | None:
        """Find when this witness cosigned the note; None when it did not, BadNote when it did so wrongly."""
        times = [self._time(line, note.text) for line in note.signatures if self._is_mine(line)]
        return datetime.fromtimestamp(max(times), UTC) if times else None

    def _is_mine(self, line: Signature) -> bool:
        return (line.name, line.key_id) == (self.name, self.key_id)

    def _time(self, line: Signature, text: str) -> int:
        seconds = int.from_bytes(line.signature[:8], "big")
        message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        if len(line.signature) != 72 or not signature_holds(self.public, line.signature[8:], message):
            raise BadNote(f"The cosignature of {self.name} does not fit the checkpoint.")
        if seconds > 253_402_300_799:
            raise BadNote(f"The cosignature of {self.name} states no time that a calendar has.")
        return seconds


def cosigned(note: bytes, lines: Iterable[str]) -> bytes:
    """Add the signature lines of witnesses to a signed checkpoint."""
    return note + "".join(f"{line.strip()}\n" for line in lines).encode()
