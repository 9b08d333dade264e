"""As much of DER as signatures need: values with their tags, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SEQUENCE, SET, INTEGER, OCTETS, OBJECT, TIME = 0x30, 0x31, 0x02, 0x04, 0x06, 0x18


class Damaged(ValueError):
    """Bytes that are no DER, or not the value that must stand there."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its tag, its content, and all its bytes."""

    tag: int
    content: bytes
    raw: bytes

    def inside(self) -> list[Value]:
        """The values that it holds."""
        return list(values(self.content))

    def need(self, tag: int) -> Value:
        """The value itself, which must have this tag."""
        if self.tag != tag:
            raise Damaged
        return self


def values(data: bytes) -> Iterator[Value]:
    """The values that stand one after another."""
    at = 0
    while at < len(data):
        begin, tag = at, data[at]
        length, at = _length(data, at + 1)
        if at + length > len(data):
            raise Damaged
        yield Value(tag, data[at : at + length], data[begin : at + length])
        at += length


def _length(data: bytes, at: int) -> tuple[int, int]:
    first = data[at] if at < len(data) else 0x80
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 0 < count <= 4 or at + 1 + count > len(data):
        raise Damaged
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def one(data: bytes, tag: int) -> Value:
    """The only value of some bytes."""
    found = list(values(data))
    if len(found) != 1:
        raise Damaged
    return found[0].need(tag)
