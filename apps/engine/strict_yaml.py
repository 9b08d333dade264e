"""Strict YAML: JSON's values in YAML's clothes, with the line and column of every one of them.

Scalars are read as YAML 1.2 reads JSON: `true`, `false`, `null`, `12`, `-0.5`, `1e3`. Everything else
stays text: `no`, `12:30:45`, `010`, `.inf`, `2027-01-01`. Repeated keys, anchors, aliases, tags,
directives, several documents, a byte order mark, control characters, more than 256 KiB and more than
50 levels are refused. Within braces a title or another sentence may hold commas without quotation marks:
`{id: p, title: Loans, small ones}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from apps.engine.errors import BadInput

MAX_BYTES = 256 << 10
MAX_DEPTH = 50
SENTENCES = ("title", "description", "purpose", "note", "change_note")
Path = tuple[str | int, ...]
Value = dict[str, Any] | list[Any] | str | int | Decimal | bool | None

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)\Z")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?\Z")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_MAX_DIGITS = 40
# Besides control characters, those that show a text otherwise than it is read: marks that turn its
# direction, and blanks of no width.
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
    "|[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069]"
)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """What was read, and where each value and each key stands (line and column from 1)."""

    name: str
    value: Any
    values_at: dict[Path, tuple[int, int]] = field(repr=False)
    keys_at: dict[Path, tuple[int, int]] = field(repr=False)

    def position(self, path: Path, *, key: bool = False) -> tuple[int, int]:
        """Line and column of the value (or the key) at `path`; of the nearest parent if it is absent."""
        places = self.keys_at if key else self.values_at
        for end in range(len(path), -1, -1):
            if path[:end] in places:
                return places[path[:end]]
        return (1, 1)

    def refuse(self, path: Path, sentence: str, *, key: bool = False) -> BadInput:
        """A `BadInput` that begins with the file, the line and the column."""
        line, column = self.position(path, key=key)
        return BadInput(f"{self.name}, line {line}, column {column}: {sentence}")


def read(data: bytes, *, name: str) -> Document:
    r"""Read one YAML document.

    Raises
    ------
    BadInput
        With the line and column of the first thing that is not allowed.

    Examples
    --------
    >>> document = read(b"a: no\nb: [1, 0.80]\n", name="x.yaml")
    >>> document.value
    {'a': 'no', 'b': [1, Decimal('0.80')]}
    >>> document.position(("b", 1))
    (2, 8)
    """
    if len(data) > MAX_BYTES:
        raise BadInput(f"{name} has more than {MAX_BYTES:,} bytes, the most that is read.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise BadInput(f"{name}, line {line}: the bytes are not UTF-8 text.") from problem
    odd = _UNPRINTABLE.search(text)
    if odd is not None:
        raise BadInput(f"{name}{_spot(text, odd.start())}: {_odd(odd[0])} is not allowed.")
    try:
        return _Reader(name, text).document()
    except yaml.MarkedYAMLError as problem:
        raise BadInput(f"{name}{_where(problem.problem_mark)}: {_reason(problem, text)}.") from problem
    except yaml.YAMLError as problem:
        raise BadInput(f"{name} cannot be read as YAML: {' '.join(str(problem).split())}") from problem


def _spot(text: str, at: int) -> str:
    before = text[:at]
    return f", line {before.count(chr(10)) + 1}, column {at - before.rfind(chr(10))}"


def _odd(character: str) -> str:
    if character == "\ufeff":
        return "a byte order mark"
    return f"the character U+{ord(character):04X}"


def _where(mark: Any) -> str:
    return "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _reason(problem: yaml.MarkedYAMLError, text: str) -> str:
    mark: Any = problem.problem_mark
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    if line[mark.column : mark.column + 1] == "\t" if mark is not None else False:
        return "a tab cannot indent; use blanks"
    parts = (str(part) for part in (problem.context, problem.problem) if part)
    return ", ".join(" ".join(part.split()) for part in parts)


class _Reader:
    """Builds the value from the parser's events; refuses as soon as it sees what is not allowed."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self._values: dict[Path, tuple[int, int]] = {}
        self._keys: dict[Path, tuple[int, int]] = {}

    def document(self) -> Document:
        """The one document of the stream."""
        next(self._events)
        start: Any = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            raise BadInput(f"{self._name} is empty.")
        if start.version or start.tags:
            raise self._refuse(start, "directives are not allowed")
        value = self._value(next(self._events), ())
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._refuse(after, "a second document is not allowed")
        return Document(self._name, value, self._values, self._keys)

    def _refuse(self, event: Any, sentence: str) -> BadInput:
        return BadInput(f"{self._name}{_where(event.start_mark)}: {sentence}.")

    def _value(self, event: Any, path: Path) -> Any:
        self._allowed(event, path)
        self._values[path] = _place(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event)

    def _allowed(self, event: Any, path: Path) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self._refuse(event, f'the alias "*{event.anchor}" is not allowed')
        if event.anchor:
            raise self._refuse(event, f'the anchor "&{event.anchor}" is not allowed')
        if event.tag:
            raise self._refuse(event, f'the tag "{event.tag}" is not allowed')
        if len(path) > MAX_DEPTH:
            raise self._refuse(event, f"more than {MAX_DEPTH} levels are not allowed")
        odd = _UNPRINTABLE.search(event.value) if isinstance(event, yaml.ScalarEvent) else None
        if odd is not None:
            raise self._refuse(event, f"{_odd(odd[0])} is not allowed, written out or escaped")

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            self._allowed(event, path)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._refuse(event, "a key must be text")
            key = event.value
            if key in found:
                line = self._keys[(*path, key)][0]
                raise self._refuse(event, f'the key "{key}" stands here a second time (first in line {line})')
            after = next(self._events)
            if self._stands_alone(event, after):
                self._continue(found, event)
                continue
            self._keys[(*path, key)] = _place(event)
            found[key] = self._value(after, (*path, key))
        return found

    def _stands_alone(self, key: Any, value: Any) -> bool:
        """Whether a key has no colon and no value: what follows a comma within braces."""
        if not isinstance(value, yaml.ScalarEvent) or value.value or value.style or value.tag or value.anchor:
            return False
        start, end = (mark.index for mark in (key.end_mark, value.start_mark) if mark is not None)
        return ":" not in self._text[start:end]

    def _continue(self, found: dict[str, Any], key: Any) -> None:
        """A sentence whose comma YAML takes for the end of it goes on; anything else is refused."""
        last = next(reversed(found), None)
        if last not in SENTENCES or not isinstance(found[last], str) or key.style:
            raise self._refuse(
                key, f'"{key.value}" has no value; within braces a text with a comma needs quotation marks'
            )
        found[last] += f", {key.value}"

    def _sequence(self, path: Path) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found))))
        return found

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if event.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if not _DECIMAL.match(text):
            return text
        if len(text) > _MAX_DIGITS:
            raise self._refuse(event, f"a number of {len(text)} digits is not allowed")
        return int(text) if _INTEGER.match(text) else Decimal(text)
