"""A log of some leaves, and what it says to a witness."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.engine.keys import FileSigner
from apps.engine.merkle import consistency_proof, leaf_hash, root_of
from apps.engine.note import Checkpoint, sign_checkpoint, verifier_key

ORIGIN = "bank.example/audit/1"
LOG = FileSigner(Ed25519PrivateKey.from_private_bytes(b"l" * 32))
STRANGER = FileSigner(Ed25519PrivateKey.from_private_bytes(b"s" * 32))
KEY = verifier_key(ORIGIN, LOG.public)


class Tree:
    """`Tree("a")` and `Tree("b")` are two histories of one log."""

    def __init__(self, history: str = "a") -> None:
        self.history = history

    def _leaves(self, first: int, count: int) -> list[bytes]:
        return [leaf_hash(f"{self.history}{i}".encode()) for i in range(first, first + count)]

    def _node(self, level: int, index: int) -> bytes:
        return root_of(self._leaves(index << level, 1 << level))

    def note(self, size: int, *, origin: str = ORIGIN, signer: FileSigner = LOG) -> bytes:
        return sign_checkpoint(Checkpoint(origin, size, root_of(self._leaves(0, size))), signer)

    def proof(self, old: int, new: int) -> list[bytes]:
        return consistency_proof(old, new, self._node)

    def body(self, old: int, new: int) -> bytes:
        return body(old, self.proof(old, new), self.note(new))


def body(old: int, proof: list[bytes], note: bytes) -> bytes:
    lines = "".join(base64.b64encode(h).decode() + "\n" for h in proof)
    return f"old {old}\n{lines}\n".encode() + note
