"""What an event says was changed: field by field, old and new, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.engine.canonical import canonical

LONGEST = 400


@dataclass(frozen=True, slots=True)
class Difference:
    """One field; `old` is None where there was none before, `new` where none is left."""

    field: str
    old: str | None
    new: str | None


def differences(doc: Mapping[str, Any]) -> list[Difference]:
    """What differs between `before` and `after` of an event of any format: the state, then by name.

    An event that tells only what is there now shows each field as new.
    """
    before, after = dict(_fields(doc.get("before"))), dict(_fields(doc.get("after")))
    names = sorted({*before, *after}, key=lambda name: (name != "state", name))
    return [Difference(n, before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)]


def _fields(facts: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(facts, Mapping) and facts:
        for key in facts:
            yield from _fields(facts[key], f"{name}.{key}" if name else str(key))
    elif facts is not None:
        yield name or "digest", _text(facts)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        found = ", ".join(value) or "–"
    else:
        found = value if isinstance(value, str) else canonical(value).decode()
    return found if len(found) <= LONGEST else f"{found[:LONGEST]}…"
