"""A small declarative schema: which fields may stand where, of which type; nothing else is let in.

`problems` walks a value beside its form and yields every fault with the path at which it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from apps.engine.policy.vocabulary import nearest

Path = tuple[str | int, ...]
LONGEST_LIST = 500
LONGEST_TEXT = 4000
LEAST, MOST = Decimal("1e-15"), Decimal("1e15")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where it stands, and the sentence."""

    path: Path
    sentence: str
    on_key: bool = False


Faults = Iterator[Fault]


class Form:
    """What a value must look like."""

    def faults(self, value: Any, path: Path) -> Faults:
        """Every fault of the value at that path."""
        raise NotImplementedError


def shown(value: Any) -> str:
    """A value as a person wrote it, cut short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    if isinstance(value, (dict, list)):
        text = "a mapping" if isinstance(value, dict) else "a list"
    return text if len(text) <= 80 else text[:77] + "…"


def dotted(path: Path) -> str:
    """A path as a person reads it.

    Examples
    --------
    >>> dotted(("gates", 0, "pass", "min"))
    'gates[0].pass.min'
    """
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
    return text.lstrip(".") or "the document"


@dataclass(frozen=True, slots=True)
class Text(Form):
    """Text; of a pattern, or one of a few words, or of a pattern besides these."""

    words: tuple[str, ...] = ()
    besides: str = ""
    pattern: str = ""
    like: str = "text"
    empty: bool = False

    def faults(self, value: Any, path: Path) -> Faults:
        """Not text, an unknown word, or text of another shape."""
        if not isinstance(value, str) or len(value) > LONGEST_TEXT or not (value.strip() or self.empty):
            yield Fault(path, f"{dotted(path)} must be {self.like}, not {shown(value)}.")
        elif self.besides and re.fullmatch(self.besides, value):
            return
        elif self.words and value not in self.words:
            yield Fault(path, f"{dotted(path)} does not know {shown(value)}.{nearest(value, self.words)}")
        elif self.pattern and not re.fullmatch(self.pattern, value):
            yield Fault(path, f"{dotted(path)} must be {self.like}, not {shown(value)}.")


@dataclass(frozen=True, slots=True)
class Number(Form):
    """A number, whole or not, from `low` to `high`."""

    whole: bool = False
    low: int | None = None
    high: int | None = None

    def faults(self, value: Any, path: Path) -> Faults:
        """Not a number, not whole, or out of range; true and false are no numbers."""
        kind = "a whole number" if self.whole else "a number"
        right = isinstance(value, int if self.whole else (int, Decimal)) and not isinstance(value, bool)
        if not right:
            yield Fault(path, f"{dotted(path)} must be {kind}, not {shown(value)}.")
        elif value and not LEAST <= abs(value) <= MOST:
            yield Fault(path, f"{dotted(path)} must be {kind} of a usual size, not {shown(value)}.")
        elif self.low is not None and value < self.low:
            yield Fault(path, f"{dotted(path)} must be at least {self.low}, not {value}.")
        elif self.high is not None and value > self.high:
            yield Fault(path, f"{dotted(path)} must be at most {self.high}, not {value}.")


@dataclass(frozen=True, slots=True)
class Flag(Form):
    """true or false."""

    def faults(self, value: Any, path: Path) -> Faults:
        """Anything but true and false; `yes` and `no` are text."""
        if not isinstance(value, bool):
            yield Fault(path, f"{dotted(path)} must be true or false, not {shown(value)}.")


@dataclass(frozen=True, slots=True)
class Day(Form):
    """A calendar day such as 2027-01-31."""

    nullable: bool = False

    def faults(self, value: Any, path: Path) -> Faults:
        """Not a day of the calendar."""
        if value is None and self.nullable:
            return
        try:
            right = isinstance(value, str) and bool(_DAY.fullmatch(value) and date.fromisoformat(value))
        except ValueError:
            right = False
        if not right:
            yield Fault(path, f"{dotted(path)} must be a day such as 2027-01-31, not {shown(value)}.")


@dataclass(frozen=True, slots=True)
class Items(Form):
    """A list whose items have one form."""

    of: Form
    least: int = 0

    def faults(self, value: Any, path: Path) -> Faults:
        """Not a list, too short, too long, or a wrong item."""
        if not isinstance(value, list) or not self.least <= len(value) <= LONGEST_LIST:
            size = f"of {len(value):,} items" if isinstance(value, list) else shown(value)
            wanted = f"a list of {self.least} to {LONGEST_LIST} items"
            yield Fault(path, f"{dotted(path)} must be {wanted}, not {size}.")
            return
        for i, item in enumerate(value):
            yield from self.of.faults(item, (*path, i))


@dataclass(frozen=True, slots=True)
class Fields(Form):
    """A mapping of known fields; another field is refused with the nearest right name."""

    known: Mapping[str, Form]
    required: tuple[str, ...] = ()
    also: Callable[[Mapping[str, Any], Path], Faults] | None = field(default=None)

    def faults(self, value: Any, path: Path) -> Faults:
        """Not a mapping, an unknown field, a missing one, or a wrong value."""
        if not isinstance(value, dict):
            yield Fault(path, f"{dotted(path)} must be a mapping, not {shown(value)}.")
            return
        yield from self._names(value, path)
        for name, item in value.items():
            if name in self.known:
                yield from self.known[name].faults(item, (*path, name))
        if self.also is not None:
            yield from self.also(value, path)

    def _names(self, value: Mapping[str, Any], path: Path) -> Faults:
        for name in value:
            if name not in self.known:
                hint = nearest(name, self.known)
                said = f"{dotted(path)} has no field {shown(name)}.{hint}"
                yield Fault((*path, name), said, on_key=True)
        for name in self.required:
            if name not in value:
                yield Fault(path, f'{dotted(path)} needs the field "{name}".')


@dataclass(frozen=True, slots=True)
class AnyFields(Form):
    """A mapping whose names are free: names of parameters, of arguments."""

    of: Form | None = None

    def faults(self, value: Any, path: Path) -> Faults:
        """Not a mapping, or a wrong value."""
        if not isinstance(value, dict) or len(value) > LONGEST_LIST:
            yield Fault(path, f"{dotted(path)} must be a mapping, not {shown(value)}.")
            return
        if self.of is not None:
            for name, item in value.items():
                yield from self.of.faults(item, (*path, name))


@dataclass(frozen=True, slots=True)
class Anything(Form):
    """Any value; something else checks it."""

    def faults(self, value: Any, path: Path) -> Faults:
        """None."""
        yield from ()
