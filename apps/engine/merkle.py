"""The Merkle tree of RFC 6962: hashes, a compact range that grows, proofs and their verification.

Trees are given as `node(level, index)`: the hash of the complete subtree of 2^level leaves that
begins at leaf index·2^level. So a proof can be drawn from stored hashes without reading all leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from apps.engine.errors import BadInput, Problem

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]


class BadProof(Problem):
    """A proof that does not prove what it was given for."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry: SHA-256 of a zero byte and the entry.

    Examples
    --------
    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees: SHA-256 of a one byte, the left hash and the right hash."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _level_below(n: int) -> int:
    """The level of the largest complete subtree that is smaller than n leaves."""
    return (n - 1).bit_length() - 1


@dataclass(frozen=True, slots=True)
class Node:
    """The hash of one complete subtree."""

    level: int
    index: int
    hash: bytes


class CompactRange:
    """The tree so far as the few hashes that its root needs, largest subtree first.

    Examples
    --------
    >>> grown = CompactRange()
    >>> grown.append(leaf_hash(b"a"))
    >>> grown.size, grown.root() == leaf_hash(b"a")
    (1, True)
    """

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size < 0 or len(hashes) != size.bit_count() or any(len(h) != HASH_BYTES for h in hashes):
            raise BadInput(f"A tree of {size} leaves needs {max(size, 0).bit_count()} hashes of 32 bytes.")
        self.size = size
        self._hashes = list(hashes)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> CompactRange:
        """Read what `to_bytes` wrote; BadInput when it does not fit the size."""
        parts = [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]
        return cls(size, parts)

    def to_bytes(self) -> bytes:
        """Join the hashes, largest subtree first."""
        return b"".join(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Grow by one leaf hash."""
        for _ in self.extend([leaf]):
            pass

    def extend(self, leaves: Iterable[bytes], *, from_level: int = 1) -> Iterator[Node]:
        """Grow by leaf hashes; yield the subtrees that became complete, of `from_level` or higher."""
        for leaf in leaves:
            self._hashes.append(leaf)
            self.size += 1
            level, carry = 0, self.size
            while not carry & 1:
                right, left = self._hashes.pop(), self._hashes.pop()
                self._hashes.append(node_hash(left, right))
                level, carry = level + 1, carry >> 1
                if level >= from_level:
                    yield Node(level, carry - 1, self._hashes[-1])

    def root(self) -> bytes:
        """Compute the root of the tree so far."""
        if not self._hashes:
            return EMPTY_ROOT
        *rest, found = self._hashes
        for left in reversed(rest):
            found = node_hash(left, found)
        return found


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Compute the root over leaf hashes."""
    grown = CompactRange()
    for _ in grown.extend(leaves):
        pass
    return grown.root()


def range_root(begin: int, end: int, node: NodeReader) -> bytes:
    """Compute the hash over leaves [begin, end) where begin is aligned to a subtree that holds them."""
    n = end - begin
    if n == 0:
        return EMPTY_ROOT
    if n & (n - 1) == 0:
        level = n.bit_length() - 1
        return node(level, begin >> level)
    level = _level_below(n)
    middle = begin + (1 << level)
    return node_hash(node(level, begin >> level), range_root(middle, end, node))


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Draw the hashes that lead from leaf `index` to the root of the first `size` leaves."""
    if not 0 <= index < size:
        raise BadInput(f"There is no leaf {index} in a tree of {size} leaves.")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + (1 << _level_below(end - begin))
        if index < middle:
            path.append(range_root(middle, end, node))
            end = middle
        else:
            path.append(range_root(begin, middle, node))
            begin = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: NodeReader) -> list[bytes]:
    """Draw the hashes that show the first `old` leaves unchanged in the tree of `new` leaves."""
    if not 0 <= old <= new:
        raise BadInput(f"A tree of {new} leaves has no earlier tree of {old} leaves.")
    if old in (0, new):
        return []
    path: list[bytes] = []
    begin, end, whole = 0, new, True
    while end != old:
        middle = begin + (1 << _level_below(end - begin))
        if old <= middle:
            path.append(range_root(middle, end, node))
            end = middle
        else:
            path.append(range_root(begin, middle, node))
            begin, whole = middle, False
    if not whole:
        path.append(range_root(begin, end, node))
    return path[::-1]


def _check_hashes(*hashes: bytes) -> None:
    if any(len(h) != HASH_BYTES for h in hashes):
        raise BadProof("A proof holds something that is not a hash of 32 bytes.")


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf hash stands at `index` of the tree with this size and root (RFC 9162, 2.1.3.2).

    Raises
    ------
    BadProof
        When it does not, whatever the reason.
    """
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise BadProof(f"There is no leaf {index} in a tree of {size} leaves.")
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise BadProof("The proof is longer than the tree is high.")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise BadProof("The proof is shorter than the tree is high.")
    if found != root:
        raise BadProof(f"The proof does not lead from leaf {index} to the root of {size} leaves.")


def verify_consistency(
    *, old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `new` leaves begins with the tree of `old` leaves (RFC 9162, 2.1.4.2).

    Raises
    ------
    BadProof
        When it does not, whatever the reason.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 <= old <= new:
        raise BadProof(f"A tree of {new} leaves has no earlier tree of {old} leaves.")
    if old in (0, new):
        expected = EMPTY_ROOT if old == 0 else new_root
        if proof or old_root != expected:
            raise BadProof(f"The roots of {old} and {new} leaves do not agree.")
        return
    if _walk(old, new, old_root, proof) != (old_root, new_root):
        raise BadProof(f"The tree of {new} leaves does not begin with the tree of {old} leaves.")


def _walk(old: int, new: int, old_root: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of both trees that the proof leads to."""
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not steps:
        raise BadProof("The proof is empty.")
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            raise BadProof("The proof is longer than the tree is high.")
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise BadProof("The proof is shorter than the tree is high.")
    return first, second
