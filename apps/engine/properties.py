"""What a deployment states of itself: a few named properties, each true or false, a number or a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from apps.engine.errors import BadInput

Stated = bool | int | float | str

# What a version is deployed as.
DEPLOY_TYPES: Final = ("service", "batch_job", "dashboard", "spreadsheet")
MOST: Final = 20
LONGEST: Final = 200
LARGEST: Final = 10**15
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,15})\.[0-9]{1,15}")
_WORDS: Final = {"true": True, "false": False}


def property_name(text: str) -> bool:
    """Whether a text names a property of a deployment.

    Examples
    --------
    >>> property_name("canary_percent"), property_name("Canary %")
    (True, False)
    """
    return _NAME.fullmatch(text) is not None


def read_properties(text: str) -> dict[str, Stated]:
    """The properties of a text, ``name=value`` on lines of their own or between commas.

    Raises
    ------
    BadInput
        Where a piece is no ``name=value``, a name stands twice, or a value says nothing.

    Examples
    --------
    >>> read_properties("canary_percent=10, image_signed=true, rollback_plan=RB-7")
    {'canary_percent': 10, 'image_signed': True, 'rollback_plan': 'RB-7'}
    """
    return properties_from(filter(str.strip, re.split(r"[,\n]", text)))


def properties_from(pieces: Iterable[str]) -> dict[str, Stated]:
    """The same of pieces, each one ``name=value``; a value may hold commas.

    Examples
    --------
    >>> properties_from(["rollback_plan=RB-7, then call"])
    {'rollback_plan': 'RB-7, then call'}
    """
    found: dict[str, Any] = {}
    for piece in pieces:
        name, sign, value = (part.strip() for part in piece.partition("="))
        if not sign or name in found:
            fault = "stands twice" if name in found else "has no value; write name=value"
            raise BadInput(f"The property {name[:60]!r} {fault}.")
        found[name] = _value(value)
    return checked_properties(found)


def _value(text: str) -> Stated:
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else _WORDS.get(text, text)


def checked_properties(found: Mapping[str, Any]) -> dict[str, Stated]:
    """The same properties, in the order of their names, once each is found to be one.

    Raises
    ------
    BadInput
        Naming the property that is none.

    Examples
    --------
    >>> checked_properties({"canary_percent": float("nan")})
    Traceback (most recent call last):
    ...
    apps.engine.errors.BadInput: The property canary_percent must be a finite number of a usual size, not nan.
    """
    if len(found) > MOST:
        raise BadInput(f"A deployment states at most {MOST} properties, not {len(found)}.")
    return {name: _checked(name, found[name]) for name in sorted(found, key=str)}


def _checked(name: Any, value: Any) -> Stated:
    if not isinstance(name, str) or not property_name(name):
        raise BadInput(f"{str(name)[:60]!r} is no name of a property: small letters, digits and _.")
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        if not abs(value) <= LARGEST:  # NaN, too
            told = "a finite number of a usual size"
            raise BadInput(f"The property {name} must be {told}, not {str(value)[:40]}.")
        return value
    if isinstance(value, str) and value.strip() and len(value) <= LONGEST and value.isprintable():
        return value.strip()
    wanted = f"true or false, a number, or a text of 1 to {LONGEST} letters"
    raise BadInput(f"The property {name} must be {wanted}, not {str(value)[:40]!r}.")
