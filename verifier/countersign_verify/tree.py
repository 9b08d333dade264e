"""The Merkle tree of RFC 6962, grown from leaves and from whole subtrees that are not disclosed."""

from __future__ import annotations

import hashlib

from countersign_verify.faults import Wrong

EMPTY = hashlib.sha256(b"").digest()
_sha256 = hashlib.sha256


class Tree:
    """A tree that grows at its right end; it keeps only the hashes that its root needs."""

    def __init__(self) -> None:
        self.size = 0
        self._stack: list[bytes] = []

    def add(self, entry: bytes) -> None:
        """Append one entry."""
        self._push(_sha256(b"\x00" + entry).digest(), 0)

    def add_subtree(self, level: int, found: bytes) -> None:
        """Append a complete subtree of 2^level leaves by its hash."""
        if not 0 <= level < 63 or self.size % (1 << level) or len(found) != 32:
            raise Wrong(f"A subtree of 2^{level} leaves cannot begin at index {self.size}.")
        self._push(found, level)

    def _push(self, found: bytes, level: int) -> None:
        self.size += 1 << level
        carry = self.size >> level
        stack = self._stack
        while not carry & 1:
            found = _sha256(b"\x01" + stack.pop() + found).digest()
            carry >>= 1
        stack.append(found)

    def root(self) -> bytes:
        """Compute the root of what was appended so far."""
        if not self._stack:
            return EMPTY
        found = self._stack[-1]
        for left in reversed(self._stack[:-1]):
            found = _sha256(b"\x01" + left + found).digest()
        return found


def root_from_path(entry: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Compute the root to which an inclusion proof leads (RFC 9162, 2.1.3.2); Wrong for a bad shape."""
    if not 0 <= index < size:
        raise Wrong(f"There is no index {index} in a tree of {size} leaves.")
    if any(len(step) != 32 for step in path):
        raise Wrong("An inclusion proof holds something that is no hash.")
    node, last, found = index, size - 1, _sha256(b"\x00" + entry).digest()
    for step in path:
        if last == 0:
            raise Wrong("An inclusion proof is too long.")
        if node & 1 or node == last:
            found = _sha256(b"\x01" + step + found).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = _sha256(b"\x01" + found + step).digest()
        node, last = node >> 1, last >> 1
    if last:
        raise Wrong("An inclusion proof is too short.")
    return found
