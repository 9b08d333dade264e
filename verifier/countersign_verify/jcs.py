"""JSON in one spelling (RFC 8785): strict reading, and the check that bytes are canonical."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from countersign_verify.faults import Wrong

SAFE = 2**53 - 1
DEEPEST = 100
_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_QUICK = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class _Fraction(ValueError):
    """A number that the quick way cannot judge."""


def _fraction(text: str) -> float:
    raise _Fraction(text)


def _short(text: str) -> int:
    if len(text) > 15:
        raise _Fraction(text)
    return int(text)


_QUICK_READER = json.JSONDecoder(parse_float=_fraction, parse_int=_short, parse_constant=_fraction)


def canonical_object(data: bytes, what: str) -> dict[str, Any]:
    """Read an object whose bytes must be its canonical form."""
    try:
        text = data.decode()
        found = _QUICK_READER.decode(text)
        if type(found) is dict and _QUICK.encode(found) == text:
            return found
    except (ValueError, RecursionError):
        pass  # a fraction, or no JSON at all: the careful way tells which
    return _careful(data, what)


def _careful(data: bytes, what: str) -> dict[str, Any]:
    found = read(data, what)
    if not isinstance(found, dict):
        raise Wrong(f"{what} is not a JSON object.")
    if write(found) != data:
        raise Wrong(f"{what} is not in canonical form, so it could be read in two ways.")
    return found


def read(data: bytes, what: str) -> Any:
    """Read JSON strictly: no key twice, no NaN, no number that a double does not hold, no depth over 100."""
    try:
        found = json.loads(
            data.decode(), object_pairs_hook=_once, parse_int=_integer, parse_constant=_constant
        )
    except UnicodeDecodeError:
        raise Wrong(f"{what} is not UTF-8 text.") from None
    except RecursionError:
        raise Wrong(f"{what} is nested too deeply.") from None
    except ValueError as error:
        raise Wrong(f"{what} is not proper JSON: {error}") from None
    _depth(found, what, 0)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object.")
    return found


def _integer(text: str) -> int | float:
    if len(text) <= 17 and abs(int(text)) <= SAFE:
        return int(text)
    if len(text) <= 22 and number(float(text)) == text:
        return float(text)
    raise ValueError(f"the integer {text[:24]} is beyond 2^53-1.")


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number.")


def _depth(value: Any, what: str, depth: int) -> None:
    if depth > DEEPEST:
        raise Wrong(f"{what} is nested too deeply.")
    if isinstance(value, dict):
        for inner in value.values():
            _depth(inner, what, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _depth(inner, what, depth + 1)


def write(value: Any) -> bytes:
    """Write the canonical bytes of a JSON value."""
    try:
        return _text(value).encode()
    except UnicodeEncodeError:
        raise Wrong("A text holds half of a surrogate pair.") from None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return '"' + _ESCAPED.sub(_escape, value) + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    pairs = sorted(value.items(), key=lambda pair: pair[0].encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(f"{_text(k)}:{_text(v)}" for k, v in pairs) + "}"


def _escape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}"


def number(value: float) -> str:
    """Write a double as ECMAScript does.

    Examples
    --------
    >>> [number(v) for v in (1.0, -0.0, 0.1, 1e21, 1e-7, 123456789012345680000.0)]
    ['1', '0', '0.1', '1e+21', '1e-7', '123456789012345680000']
    """
    if not math.isfinite(value):
        raise Wrong(f"{value} is no JSON number.")
    if value == 0:
        return "0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, part = mantissa.partition(".")
    part = "" if part == "0" else part
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + part) - len(digits))
    digits = digits.rstrip("0")
    return ("-" if value < 0 else "") + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    """Put the decimal point behind that many digits."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"
