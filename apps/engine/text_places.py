"""Where every value of a strict YAML text begins and ends, so that one can be changed and the rest kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from apps.engine.errors import BadInput
from apps.engine.strict_yaml import Path

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Place:
    """One value: from `start` up to `end` (characters of the text), comments after it not counted.

    Parameters
    ----------
    flow : bool
        Written within brackets or braces.
    keys : dict
        Of a mapping: where each key stands.
    parts : dict
        The values of a mapping by key, of a list by number, in the order of the text.
    """

    kind: str
    start: int
    end: int
    flow: bool = False
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    parts: dict[str | int, Place] = field(default_factory=dict)

    def at(self, path: Path) -> Place | None:
        """The value at a path below this one; None where nothing stands."""
        place: Place | None = self
        for part in path:
            place = place.parts.get(part) if place is not None else None
        return place


def places(text: str) -> Place:
    r"""The places of a text that `strict_yaml.read` has read.

    Examples
    --------
    >>> text = "a: 1 # one\nb: [2, 3]\n"
    >>> found = places(text).at(("b", 1))
    >>> text[found.start:found.end]
    '3'
    """
    return _Walk(text).value()


class _Walk:
    def __init__(self, text: str) -> None:
        self._text = text
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        next(self._events)
        next(self._events)

    def value(self, given: Any = None) -> Place:
        event: Any = next(self._events) if given is None else given
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.ScalarEvent):
            return Place("scalar", start, self._trimmed(start, end))
        if not isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            raise BadInput("The text holds something that is neither a value nor a list nor a mapping.")
        kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "list"
        place = Place(kind, start, start, flow=bool(event.flow_style))
        closing = (self._mapping if kind == "mapping" else self._list)(place)
        last = max((part.end for part in place.parts.values()), default=start)
        place.end = closing.end_mark.index if place.flow else last
        return place

    def _mapping(self, place: Place) -> Any:
        last: str | None = None
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            after = next(self._events)
            span = (event.start_mark.index, event.end_mark.index)
            if last is not None and self._goes_on(event, after):
                place.parts[last].end = span[1]
                continue
            last = str(event.value)
            place.keys[last] = span
            place.parts[last] = self.value(after)
        return event

    def _list(self, place: Place) -> Any:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            place.parts[len(place.parts)] = self.value(event)
        return event

    def _goes_on(self, key: Any, value: Any) -> bool:
        """Whether a key has no colon and no value: the rest of a sentence with a comma."""
        plain = isinstance(value, yaml.ScalarEvent) and not value.value and not value.style
        return plain and ":" not in self._text[key.end_mark.index : value.start_mark.index]

    def _trimmed(self, start: int, end: int) -> int:
        """A text of several lines ends with its last word, not with the blank lines after it."""
        return start + len(self._text[start:end].rstrip())
