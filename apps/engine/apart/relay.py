"""The one way out for a model that is a service: bytes for a request up, bytes of its answer down.

The process that composes requests has no network, no key and no label; the trusted process at the other end
of two pipes has the network and reads nothing of what it carries. Each message is a line of JSON and the
bytes that it announces.
"""

from __future__ import annotations

import json
import os
from typing import Any

from apps.engine.errors import BadInput

LARGEST = 64 << 20
_LINE = 1 << 14
_held: list[tuple[int, int]] = []


class Pipe:
    """One end of the way out.

    Examples
    --------
    >>> import os
    >>> reading, writing = os.pipe()
    >>> one = Pipe(reading, writing)
    >>> one.send({"do": "post"}, b"rows")
    >>> one.receive()
    ({'do': 'post'}, b'rows')
    """

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._rest = b""

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Send one message."""
        line = json.dumps({**head, "bytes": len(body)}, allow_nan=False).encode() + b"\n"
        for part in (line, body):
            view = memoryview(part)
            while view:
                view = view[os.write(self._writing, view) :]

    def receive(self, most: int = LARGEST) -> tuple[dict[str, Any], bytes] | None:
        """The next message; None where the other side has gone.

        Raises
        ------
        BadInput
            What came is no message, or one of more than `most` bytes.
        """
        line = self._line()
        if line is None:
            return None
        head = _head(line)
        size = head.pop("bytes", None)
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= most:
            raise BadInput(f"What came over the way out has no size, or more than {most:,} bytes.")
        body = self._body(size)
        return None if body is None else (head, body)

    def _line(self) -> bytes | None:
        while b"\n" not in self._rest:
            if len(self._rest) > _LINE:
                raise BadInput("What came over the way out does not end.")
            if not self._more():
                return None
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _body(self, size: int) -> bytes | None:
        parts, have = [self._rest[:size]], min(size, len(self._rest))
        self._rest = self._rest[size:]
        while have < size:
            part = os.read(self._reading, min(size - have, 1 << 20))
            if not part:
                return None
            parts.append(part)
            have += len(part)
        return b"".join(parts)

    def _more(self) -> bool:
        part = os.read(self._reading, 1 << 16)
        self._rest += part
        return bool(part)


def _head(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as problem:
        raise BadInput("What came over the way out cannot be read.") from problem
    if not isinstance(found, dict):
        raise BadInput("What came over the way out is no message.")
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def hold(reading: int, writing: int) -> None:
    """Keep the ends that this process was handed, until a model takes them."""
    _held[:] = [(reading, writing)]


def taken() -> tuple[int, int] | None:
    """The ends that this process was handed, once."""
    return _held.pop() if _held else None
