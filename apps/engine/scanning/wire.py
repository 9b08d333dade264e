"""Read protobuf wire format without a schema, in place and within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Malformed(ValueError):
    """The bytes are not a protobuf message."""


def varint(data: Any, at: int, end: int) -> tuple[int, int]:
    """The varint at `at` and the position after it."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed("a number runs past its end")


def fields(data: Any, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Each field of the message in data[start:end] as (number, wire type, a, b).

    For bytes, [a, b) is where they lie; for numbers, a is the value (raw bits for fixed widths).

    Examples
    --------
    >>> list(fields(bytes([8, 7]), 0, 2))
    [(1, 0, 7, 0)]
    """
    at = start
    while at < end:
        tag, at = varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise Malformed("field number 0")
        if kind == VARINT:
            value, at = varint(data, at, end)
            yield number, kind, value, 0
            continue
        size, at = _size(data, at, end, kind)
        if at + size > end:
            raise Malformed("a field runs past the end of the message")
        if kind == BYTES:
            yield number, kind, at, at + size
        else:
            yield number, kind, int.from_bytes(data[at : at + size], "little"), 0
        at += size


def _size(data: Any, at: int, end: int, kind: int) -> tuple[int, int]:
    if kind == BYTES:
        return varint(data, at, end)
    if kind == FIXED64:
        return 8, at
    if kind == FIXED32:
        return 4, at
    raise Malformed(f"wire type {kind}")


def text(data: Any, a: int, b: int) -> str:
    """The bytes as text, replacing what is not UTF-8."""
    return bytes(data[a:b]).decode("utf-8", "replace")
