"""Recognise a pickle stream by its opcodes, without ever loading it."""

from __future__ import annotations

import pickletools
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from apps.engine.scanning.report import Finding, Limits

_CALLS = frozenset({"REDUCE", "NEWOBJ", "NEWOBJ_EX", "OBJ", "INST", "BUILD"})
_DOTTED = re.compile(r"[A-Za-z_][\w.]*\Z")
_NEWEST = 5


@dataclass(slots=True)
class _Machine:
    """Just enough of the unpickler to tell a real stream from text: stack depth, marks, names."""

    depth: int = 0
    marks: list[int] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    calls: int = 0

    def step(self, op: pickletools.OpcodeInfo, arg: Any) -> bool:
        """Advance by one opcode; False where a real unpickler would stop with an error."""
        if isinstance(arg, str) and op.name not in ("GLOBAL", "INST"):
            self.strings.append(arg)
        if not self._name(op.name, arg) or not self._stack(op):
            return False
        if op.name in _CALLS:
            self.calls += 1
        return True

    def _name(self, opcode: str, arg: Any) -> bool:
        if opcode in ("GLOBAL", "INST"):
            module, _, name = str(arg).partition(" ")
            if not (_DOTTED.match(module) and _DOTTED.match(name)):
                return False
            self.names.append(f"{module}.{name}")
        elif opcode == "STACK_GLOBAL":
            self.names.append(".".join(self.strings[-2:]) or "?")
        elif opcode.startswith("EXT"):
            self.names.append(f"extension {arg}")
        return True

    def _stack(self, op: pickletools.OpcodeInfo) -> bool:
        if op.name == "MARK":
            self.marks.append(self.depth)
            return True
        before = list(op.stack_before)
        if pickletools.markobject in before:
            if not self.marks:
                return False
            self.depth = self.marks.pop()
            before = before[: before.index(pickletools.markobject)]
        elif op.name == "POP" and self.marks and self.depth == self.marks[-1]:
            self.marks.pop()
            return True
        if self.depth < len(before):
            return False
        self.depth += len(op.stack_after) - len(before)
        return True


def pickle_findings(data: Any, where: str, limits: Limits) -> list[Finding]:
    """One finding if `data` (bytes-like, seekable by slicing) is a pickle, else none.

    Protocol 2 and later is known by its first two bytes; protocols 0 and 1 have no header, so the
    opcodes are followed until one would call something.

    Examples
    --------
    >>> import pickle
    >>> [f.code for f in pickle_findings(pickle.dumps([1]), "m", Limits())]
    ['pickle']
    >>> pickle_findings(b"income,age", "m", Limits())
    []
    """
    headed = len(data) >= 2 and data[0] == 0x80 and data[1] <= _NEWEST
    machine = _follow(data, limits)
    if not headed and not machine.calls:
        return []
    names = sorted(set(machine.names))[:12]
    what = f" that names {', '.join(names)}" if names else ""
    return [
        Finding(
            code="pickle",
            where=where,
            sentence=f"{where} is a Python pickle{what}; loading it can run any code.",
        )
    ]


def _follow(data: Any, limits: Limits) -> _Machine:
    machine = _Machine()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd escapes in operands are the file's business
        for op, arg in _opcodes(data, limits.pickle_ops):
            if not machine.step(op, arg) or op.name == "STOP":
                break
    return machine


def _opcodes(data: Any, most: int) -> Iterator[tuple[pickletools.OpcodeInfo, Any]]:
    stream: Any = _Bounded(data)
    try:
        for count, (op, arg, _) in enumerate(pickletools.genops(stream)):
            if count >= most:
                return
            yield op, arg
    except (ValueError, UnicodeError, OverflowError, MemoryError, IndexError):
        return  # the stream ends where it stops being a pickle; what came before has been judged


class _Skipped(bytes):
    """The head of a long operand that reports the operand's full length; the rest is passed over."""

    claimed: int

    def __len__(self) -> int:
        return self.claimed


class _Bounded:
    """A reader whose operands never take more than a little memory, however long they say they are."""

    _MOST = 1 << 16

    def __init__(self, data: Any) -> None:
        self._data, self._at, self._end = data, 0, len(data)

    def tell(self) -> int:
        """The position of the next operand."""
        return self._at

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or none where there are fewer."""
        start, self._at = self._at, min(self._end, self._at + size)
        if size > self._end - start:
            return b""
        if size <= self._MOST:
            return bytes(self._data[start : self._at])
        head = _Skipped(self._data[start : start + 64])
        head.claimed = size
        return head

    def readline(self) -> bytes:
        """The next line; of a very long one its two ends."""
        start = self._at
        newline = self._data.find(b"\n", start)
        self._at = self._end if newline < 0 else newline + 1
        if self._at - start <= self._MOST:
            return bytes(self._data[start : self._at])
        return bytes(self._data[start : start + 512]) + bytes(self._data[self._at - 512 : self._at])
