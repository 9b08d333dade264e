"""Typed fields of a strict YAML document; every refusal names file, line and column."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from apps.engine.errors import BadInput
from apps.engine.strict_yaml import Document, Path

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?\Z")
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
LARGEST = 1e15
Scalar = str | int | Decimal | bool


class Fields:
    """Reads typed fields of a document."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def at(self, path: Path) -> Any:
        """The value at a path of keys, or None where nothing stands there."""
        value = self.document.value
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def refuse(self, path: Path, sentence: str, *, key: bool = False) -> BadInput:
        """A `BadInput` that names file, line and column."""
        return self.document.refuse(path, sentence, key=key)

    def mapping(self, path: Path, known: Sequence[str], *, required: Iterable[str] = ()) -> dict[str, Any]:
        """The mapping at a path, with known keys only and the required ones present."""
        where, value = dotted(path), self.at(path)
        if not isinstance(value, dict):
            raise self.refuse(path, f"{where} must be a mapping, not {shown(value)}.")
        for key in value:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f' Did you mean "{near[0]}"?' if near else f" It knows {', '.join(known)}."
                raise self.refuse((*path, key), f"{where} has no field {shown(key)}.{hint}", key=True)
        for key in required:
            if value.get(key) is None:
                raise self.refuse(path, f'{where} needs the field "{key}".')
        return value

    def constant(self, mapping: Mapping[str, Any], key: str, expected: str) -> None:
        """Refuse any other value than the expected one."""
        if mapping[key] != expected:
            raise self.refuse((key,), f'{key} must be "{expected}", not {shown(mapping[key])}.')

    def text(self, path: Path) -> str | None:
        """Text that is not blank, or None."""
        value = self.at(path)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(path, f"{dotted(path)} must be text, not {shown(value)}.")
        return value

    def label(self, path: Path) -> str:
        """A short name; a bare number, which YAML reads as one, is taken as text."""
        value = self.at(path)
        text = str(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not NAME.match(text):
            raise self.refuse(
                path,
                f"{dotted(path)} must be 1 to 100 letters, digits, dots, dashes and underscores, "
                f"not {shown(value)}.",
            )
        return text

    def choice(self, path: Path, choices: Sequence[str]) -> str:
        """One of a few words."""
        value = self.at(path)
        if value not in choices:
            near = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            raise self.refuse(
                path, f"{dotted(path)} must be one of {', '.join(choices)}, not {shown(value)}.{hint}"
            )
        return str(value)

    def texts(self, path: Path, *, distinct: bool = False) -> tuple[str, ...]:
        """A list of texts; empty where absent."""
        value = self.at(path)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.refuse(path, f"{dotted(path)} must be a list of texts, not {shown(value)}.")
        for i, item in enumerate(value):
            if not isinstance(item, str):
                raise self.refuse((*path, i), f"{dotted(path)} must hold texts, not {shown(item)}.")
            if distinct and item in value[:i]:
                raise self.refuse((*path, i), f'{dotted(path)} names "{item}" twice.')
        return tuple(value)

    def scalar(self, path: Path) -> Scalar | None:
        """One value of any type."""
        value = self.at(path)
        if isinstance(value, (dict, list)):
            raise self.refuse(path, f"{dotted(path)} must be one value, not {shown(value)}.")
        return value  # type: ignore[no-any-return]

    def number(self, path: Path) -> float | None:
        """A number as float, or None."""
        value = self.at(path)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self.refuse(path, f"{dotted(path)} must be a number, not {shown(value)}.")
        if abs(float(value)) > LARGEST:
            raise self.refuse(path, f"{dotted(path)} must be at most {LARGEST:g}, not {shown(value)}.")
        return float(value)

    def digest(self, path: Path) -> str | None:
        """A SHA-256 in hexadecimal, with or without its prefix, or None."""
        value = self.at(path)
        found = _SHA256.match(value) if isinstance(value, str) else None
        if value is not None and found is None:
            raise self.refuse(path, f"{dotted(path)} must be 64 hexadecimal digits, not {shown(value)}.")
        return found[1] if found else None


def dotted(path: Path) -> str:
    """A path as a person writes it."""
    return ".".join(str(part) for part in path) or "The manifest"


def shown(value: Any) -> str:
    """A value as a person wrote it, short."""
    if value is None:
        return "nothing"
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f'"{text}"' if isinstance(value, str) else text
