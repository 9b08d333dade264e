"""Text on its way in: one Unicode form, nothing that hides or reorders what a reader sees."""

from __future__ import annotations

import unicodedata

from apps.audit.errors import Invalid

# Joiners belong to Persian, to the scripts of India and to emoji; every other format character only hides.
_JOINERS = frozenset("\u200c\u200d")
_LINES = frozenset("\n\t")
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str, *, field: str, longest: int = 10_000, lines: bool = False) -> str:
    """The text in NFC without blanks round it; Invalid names the character that has no place in it.

    Control characters, direction overrides, zero-width and unassigned characters are refused. `lines`
    allows line ends and tabs.
    """
    if not isinstance(text, str):
        raise Invalid(f'"{field}" must be text, not {type(text).__name__}.', field=field)
    found = unicodedata.normalize("NFC", text.replace("\r\n", "\n") if lines else text).strip()
    if len(found) > longest:
        raise Invalid(f'"{field}" has {len(found):,} characters; it may have {longest:,}.', field=field)
    refuse_hidden(found, field=field, lines=lines)
    return found


def storable(text: str) -> bool:
    """Whether the database can be asked for a text: it knows no NUL and no half characters."""
    return "\0" not in text and not any(0xD800 <= ord(char) <= 0xDFFF for char in text)


def required(text: str, *, field: str, longest: int = 10_000, lines: bool = False) -> str:
    """As `clean`, and refused when nothing is left."""
    found = clean(text, field=field, longest=longest, lines=lines)
    if not found:
        raise Invalid(f'"{field}" is empty.', field=field)
    return found


def refuse_hidden(text: str, *, field: str, lines: bool = True) -> None:
    """Refuse characters that a reader cannot see or that change the order of what is seen."""
    for place, char in enumerate(text, start=1):
        if char in _JOINERS or (lines and char in _LINES):
            continue
        if unicodedata.category(char) in _REFUSED:
            name = unicodedata.name(
                char, "a control character" if ord(char) < 160 else "an unknown character"
            )
            raise Invalid(
                f'"{field}" holds U+{ord(char):04X} ({name.lower()}) at character {place}; '
                "it cannot be seen and is not allowed.",
                field=field,
            )
