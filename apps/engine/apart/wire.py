"""What goes between a measuring process and the one that holds its model.

Each lane is a pair of pipes with one line of JSON a message, and two shared memories: `given` for what is
asked about, `made` for the answer. Whoever writes makes room; a memory never shrinks.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.errors import BadInput

LONGEST = 1 << 22
TYPES = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "uint8": np.uint8}


class Shared:
    """Memory that two processes share, as arrays from its start.

    Examples
    --------
    >>> one = Shared.made("example")
    >>> one.array((2, 1), np.float64, room=True)[:] = 0.5
    >>> Shared(os.dup(one.descriptor)).array((2,), np.float64).tolist()
    [0.5, 0.5]
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map: mmap.mmap | None = None

    @classmethod
    def made(cls, name: str) -> Shared:
        """A new one; it can grow and not shrink."""
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        return cls(descriptor)

    def array(self, shape: tuple[int, ...], dtype: Any, *, room: bool = False) -> npt.NDArray[Any]:
        """An array over the shared bytes; with `room`, made large enough for it.

        Raises
        ------
        BadInput
            The other side made less room than it says.
        """
        count = int(np.prod(shape, dtype=np.int64))
        size = max(1, count * np.dtype(dtype).itemsize)
        if room and size > os.fstat(self.descriptor).st_size:
            os.ftruncate(self.descriptor, size)
        if self._map is None or len(self._map) < size:
            there = os.fstat(self.descriptor).st_size
            if there < size:
                raise BadInput("The process that holds the model gave a shorter answer than it said.")
            self._map = mmap.mmap(self.descriptor, there)
        return np.frombuffer(self._map, dtype=dtype, count=count).reshape(shape)


@dataclass(slots=True)
class Lane:
    """One side's ends of a lane."""

    reading: int
    writing: int
    given: Shared
    made: Shared
    rest: bytes = b""

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        line = json.dumps(message, allow_nan=False).encode() + b"\n"
        while line:
            line = line[os.write(self.writing, line) :]

    def receive(self) -> dict[str, Any] | None:
        """The next message; None where the other side has gone.

        Raises
        ------
        BadInput
            What came is no message.
        """
        while b"\n" not in self.rest:
            chunk = os.read(self.reading, 1 << 16)
            if not chunk:
                return None
            self.rest += chunk
            if len(self.rest) > LONGEST:
                raise BadInput("The process that holds the model gave an endless answer.")
        line, _, self.rest = self.rest.partition(b"\n")
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as problem:
            raise BadInput(
                "The process that holds the model gave an answer that cannot be read."
            ) from problem
        if not isinstance(found, dict):
            raise BadInput("The process that holds the model gave an answer that is no message.")
        return found
