"""Canonical bytes, digests, strict JSON and times: one spelling for everything that is signed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import rfc8785

from apps.engine.errors import BadInput

SAFE_INTEGER: Final = 2**53 - 1
DEEPEST: Final = 100
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")

Json = Any
_encoder: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _made_once() -> Callable[[Json], str]:
    """The standard library's encoder, made once: `encode` makes another for each value."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    text = json.encoder.encode_basestring
    # No look for circles: whatever is encoded was seen to end within so many levels.
    pieces = make(None, _encoder.default, text, None, ":", ",", True, False, True)
    return lambda value: "".join(pieces(value, 0))


_encode: Final = _made_once()


def canonical(doc: Json) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    Text is taken as it is: whoever reads text in normalises it (NFC), nothing here does.

    Raises
    ------
    BadInput
        Naming the place: NaN, infinity, an integer beyond 2^53-1, a lone surrogate, a key that is
        not text, a Decimal or any other type that JSON does not have, more than 100 levels.

    Examples
    --------
    >>> canonical({"b": 1.0, "a": [True, None, "é"]}).decode()
    '{"a":[true,null,"é"],"b":1}'
    >>> canonical({"share": float("nan")})
    Traceback (most recent call last):
    ...
    apps.engine.errors.BadInput: "share" is nan; a number in a statement must be finite.
    """
    try:
        return _encode(doc).encode() if _written_alike(doc, DEEPEST) else rfc8785.dumps(doc)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        _name_the_fault(doc, "", 0)
        raise BadInput(f"This value has no canonical form: {error}.") from error


def _written_alike(value: Json, deepest: int) -> bool:
    """Whether the standard library, several times faster, gives the same bytes.

    It does where there are no fractions, no great numbers, and only keys whose order is the same by any rule.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(abs(value) <= SAFE_INTEGER)
    if deepest == 0:
        return False
    if kind is dict:
        return all(
            type(key) is str and key.isascii() and _written_alike(inner, deepest - 1)
            for key, inner in value.items()
        )
    return kind is list and all(_written_alike(inner, deepest - 1) for inner in value)


def _name_the_fault(value: Json, path: str, depth: int) -> None:
    if depth > DEEPEST:
        raise BadInput(f'"{path[:80]}…" is nested more than {DEEPEST} levels deep.')
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_text(key, path)
            _name_the_fault(inner, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            _name_the_fault(inner, f"{path}[{i}]", depth + 1)
    else:
        _check_scalar(value, path or "the value")


def _check_scalar(value: Json, path: str) -> None:
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        raise BadInput(f'"{path}" is {value}; a number in a statement must be finite.')
    elif isinstance(value, int) and abs(value) > SAFE_INTEGER:
        raise BadInput(f'"{path}" is {value}; integers beyond 2^53-1 must be given as text.')
    elif value is not None and not isinstance(value, (bool, int, float)):
        kind = type(value).__name__
        raise BadInput(f'"{path}" is a {kind}; expected text, number, true, false, null, list or object.')


def _check_text(value: Json, path: str) -> None:
    if not isinstance(value, str):
        raise BadInput(f'An object at "{path}" has the key {value!r}; keys must be text.')
    if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise BadInput(f'"{path}" holds half of a surrogate pair, which is not a character.')


def digest(data: bytes) -> str:
    """The SHA-256 of bytes, in the one spelling used everywhere.

    Examples
    --------
    >>> digest(b"")
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    """
    return "sha256:" + hashlib.sha256(data).hexdigest()


def read_json(data: bytes | str, *, what: str) -> Json:
    """Parse JSON strictly; BadInput names `what` and the fault.

    Duplicate keys, NaN, Infinity, more than 100 levels, integers that no double holds exactly and
    anything after the value are refused, where the standard parser lets them pass.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        value = json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise BadInput(f"{what} is not UTF-8 text (byte {error.start}).") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadInput(f"{what} is not JSON: {error.msg} at {place}.") from error
    except RecursionError as error:
        raise BadInput(f"{what} is nested more than {DEEPEST} levels deep.") from error
    except ValueError as error:
        raise BadInput(f"{what}: {error}") from error
    _name_the_fault(value, "", 0)
    return value


def _no_twins(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f'the key "{key}" stands twice in one object.')
        found[key] = value
    return found


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not a JSON number.")


def _integer(text: str) -> int | float:
    """An exact integer; beyond 2^53-1 only the one text that a double of that size has."""
    if len(text) <= 17 and abs(int(text)) <= SAFE_INTEGER:
        return int(text)
    if len(text) <= 22 and rfc8785.dumps(float(text)).decode() == text:
        return float(text)
    raise ValueError(f"the integer {text[:24]} is beyond 2^53-1, so it cannot be read exactly.")


def rfc3339(moment: datetime) -> str:
    """A moment in UTC with microseconds; BadInput for one without a time zone.

    Examples
    --------
    >>> rfc3339(datetime(2026, 3, 1, 12, tzinfo=UTC))
    '2026-03-01T12:00:00.000000Z'
    """
    if moment.tzinfo is None:
        raise BadInput(f"The time {moment} has no time zone.")
    at = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:-6] + "Z"


def read_time(text: Json, *, what: str) -> datetime:
    """The moment that an RFC 3339 text names; BadInput names `what`."""
    if isinstance(text, str) and _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise BadInput(f"{what} is {text!r}; expected a time like 2026-03-01T12:00:00Z.")
