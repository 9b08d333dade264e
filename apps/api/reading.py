"""Reading requests: strict JSON, named fields, nothing unknown."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NoReturn

from django.http import HttpRequest

from apps.api.problems import ApiProblem

LARGEST = 1024 * 1024
DEEPEST = 100


def body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of the body; duplicates, NaN, depth and size are refused."""
    if request.content_type not in ("application/json", "application/problem+json"):
        raise ApiProblem(
            415, f"Send application/json, not {request.content_type or 'nothing'}.", code="media_type"
        )
    length = request.headers.get("Content-Length") or "0"
    if not length.isdigit() or int(length) > LARGEST:
        raise ApiProblem(413, f"A JSON body may take {LARGEST} bytes.", code="too_large")
    raw = request.body
    if len(raw) > LARGEST:
        raise ApiProblem(413, f"A JSON body may take {LARGEST} bytes.", code="too_large")
    found = parse(raw)
    if not isinstance(found, dict):
        raise ApiProblem(400, "The body must be a JSON object.", code="malformed")
    return found


def parse(raw: bytes) -> Any:
    """JSON with duplicate keys, NaN, Infinity, huge integers and deep nesting refused."""
    if _depth(raw) > DEEPEST:
        raise ApiProblem(400, f"The JSON is nested deeper than {DEEPEST} levels.", code="malformed")
    try:
        return json.loads(
            raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant, parse_int=_integer
        )
    except UnicodeDecodeError:
        raise ApiProblem(400, "The body is not UTF-8.", code="malformed") from None
    except ValueError as error:
        raise ApiProblem(400, f"The body is not JSON: {error}.", code="malformed") from None


def _depth(raw: bytes) -> int:
    depth = deepest = 0
    inside = escaped = False
    for byte in raw:
        if inside:
            escaped, inside = (not escaped and byte == 0x5C), (byte != 0x22 or escaped)
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ApiProblem(400, f'The field "{name}" stands twice.', code="malformed", field=name)
        found[name] = value
    return found


def _constant(text: str) -> NoReturn:
    raise ApiProblem(400, f"{text} is not JSON.", code="malformed")


def _integer(text: str) -> int:
    if len(text) > 17:
        raise ApiProblem(400, f"The integer {text[:20]}… is too large.", code="malformed")
    return int(text)


class Fields:
    """The fields of a body, read one by one; `done()` refuses what nobody asked for."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._found = dict(found)
        self._read: set[str] = set()

    def text(self, name: str, default: str | None = None, *, longest: int = 10_000) -> str:
        """A string in NFC without NUL; required when there is no default."""
        value = self._take(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, f"must be text, not {_told(value)}")
        if "\0" in value or len(value) > longest:
            raise self._wrong(name, f"must be text of at most {longest} characters without NUL")
        return unicodedata.normalize("NFC", value)

    def mapping(self, name: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
        """A JSON object."""
        value = self._take(name, default)
        if not isinstance(value, dict):
            raise self._wrong(name, f"must be an object, not {_told(value)}")
        return value

    def texts(self, name: str, default: list[str] | None = None) -> list[str]:
        """A list of strings."""
        value = self._take(name, default)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self._wrong(name, f"must be a list of texts, not {_told(value)}")
        return value

    def day(self, name: str) -> date:
        """A day, ``2027-03-31``."""
        return self._parsed(name, date.fromisoformat, "a day such as 2027-03-31")

    def instant(self, name: str) -> datetime:
        """A time with zone, ``2027-03-31T12:00:00Z``."""
        found = self._parsed(name, datetime.fromisoformat, "a time with zone such as 2027-03-31T12:00:00Z")
        if found.tzinfo is None:
            raise self._wrong(name, "must carry a time zone, such as Z")
        return found

    def done(self) -> None:
        """Refuse fields that nobody asked for: a misspelt one must not be ignored."""
        extra = sorted(set(self._found) - self._read)
        if extra:
            known = ", ".join(sorted(self._read))
            raise ApiProblem(
                422, f'"{extra[0]}" is no field here; the fields are {known}.', code="invalid", field=extra[0]
            )

    def _take(self, name: str, default: Any) -> Any:
        self._read.add(name)
        value = self._found.get(name, default)
        if value is None:
            raise self._wrong(name, "is missing")
        return value

    def _parsed(self, name: str, parse_text: Callable[[str], Any], wanted: str) -> Any:
        text = self.text(name)
        try:
            return parse_text(text)
        except ValueError:
            raise self._wrong(name, f"must be {wanted}, not {text!r}") from None

    @staticmethod
    def _wrong(name: str, what: str) -> ApiProblem:
        return ApiProblem(422, f'"{name}" {what}.', code="invalid", field=name)


def _told(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]
