"""The log of a pack as steps: how many events come next, or the hash of a subtree that is not disclosed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from apps.engine.canonical import canonical
from apps.engine.merkle import NodeReader


@dataclass(frozen=True, slots=True)
class Step:
    """So many events from an index on; or, where `hash` is given, the subtree of 2^`level` leaves there."""

    begin: int
    events: int = 0
    level: int = 0
    hash: bytes | None = None

    def line(self) -> bytes:
        told: dict[str, Any] = {"from": self.begin}
        if self.hash is None:
            told["events"] = self.events
        else:
            told |= {"level": self.level, "hash": self.hash.hex()}
        return canonical(told) + b"\n"


def steps(disclosed: Sequence[int], cuts: Iterable[int], node: NodeReader) -> Iterator[Step]:
    """The steps from index 0 to the largest cut; the tree can be read off at each cut.

    `disclosed` are indexes in ascending order; `cuts` the sizes of the checkpoints in the pack.
    """
    at = 0
    for size in sorted(set(cuts)):
        begin, end = bisect_left(disclosed, at), bisect_left(disclosed, size)
        for first, count in _runs(disclosed[begin:end]):
            yield from hidden(at, first, node)
            yield Step(first, events=count)
            at = first + count
        yield from hidden(at, size, node)
        at = size


def _runs(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each first index and how many follow it without a gap."""
    if not indexes:
        return
    first = indexes[0]
    for one, other in pairwise(indexes):
        if other != one + 1:
            yield first, one + 1 - first
            first = other
    yield first, indexes[-1] + 1 - first


def hidden(begin: int, end: int, node: NodeReader) -> Iterator[Step]:
    """The fewest complete subtrees that cover [begin, end)."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield Step(begin, level=level, hash=node(level, begin >> level))
        begin += 1 << level
