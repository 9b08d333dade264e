"""Receipts: that one event stands in the log, as C2SP tlog-proof text."""

from __future__ import annotations

import base64
import binascii
import re

from countersign_verify import jcs, keys, notes
from countersign_verify.faults import Wrong
from countersign_verify.tree import root_from_path

HEADER = b"c2sp.org/tlog-proof@"
_FIRST = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
MOST = 63


def verify(data: bytes, trusted: list[keys.Key]) -> list[tuple[str, str]]:
    """Check a receipt; what it says line by line."""
    head, gap, note = data.partition(b"\n\n")
    try:
        lines = head.decode().split("\n")
    except UnicodeDecodeError:
        raise Wrong("The receipt is not UTF-8 text.") from None
    if not gap or lines.pop(0) != _FIRST or not lines or not lines[0].startswith("extra "):
        raise Wrong("It has not the form of a receipt with its event.")
    entry = _bytes(lines.pop(0).removeprefix("extra "))
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if index is None or len(lines) > MOST:
        raise Wrong("The receipt tells no index, or too many hashes.")
    checkpoint = notes.read(note)
    signed = notes.signers(checkpoint, keys.of(trusted, keys.CHECKPOINT))
    if all(key.revoked is not None for key in signed):
        raise Wrong("The key that signed the checkpoint was revoked.")
    path = [_bytes(line) for line in lines]
    if root_from_path(entry, int(index[1]), checkpoint.size, path) != checkpoint.root:
        raise Wrong(f"The proof does not lead from index {index[1]} to the root of {checkpoint.size} events.")
    event = jcs.canonical_object(entry, "The event")
    return [
        ("log", f"{checkpoint.origin}, {checkpoint.size} events, root {checkpoint.root.hex()}"),
        ("index", index[1]),
        ("event", f"{event.get('action')} at {event.get('ts')}"),
    ]


def _bytes(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Wrong("The receipt holds something that is not base64.") from None
    if base64.b64encode(data).decode() != text:
        raise Wrong("The receipt is not in the one form that base64 gives it.")
    return data
