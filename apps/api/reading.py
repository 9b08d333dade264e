"""Reading requests: strict JSON, named fields, nothing unknown."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NoReturn

from django.http import HttpRequest

from apps.access.text import storable
from apps.api.problems import ApiProblem

LARGEST = 1024 * 1024
DEEPEST = 100


def content_length(request: HttpRequest) -> int:
    """How many bytes the body is said to have; refused when that is not said."""
    told = request.META.get("CONTENT_LENGTH") or ""
    if not told and request.headers.get("Transfer-Encoding"):
        raise ApiProblem(411, "Say how long the body is: Content-Length.", code="length_required")
    if told and not (told.isascii() and told.isdigit()):
        raise ApiProblem(400, f"The Content-Length {told[:20]!r} is no number.", code="malformed")
    return int(told or 0)


def refuse_large(request: HttpRequest, largest: int = LARGEST) -> None:
    """Refuse a body by its stated length, before a byte of it is read."""
    if content_length(request) > largest:
        raise ApiProblem(413, f"The body may have {largest:,} bytes.", code="too_large")


def body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of the body; duplicates, NaN, depth and size are refused."""
    if request.content_type not in ("application/json", "application/problem+json"):
        raise ApiProblem(
            415, f"Send application/json, not {request.content_type or 'nothing'}.", code="media_type"
        )
    refuse_large(request)
    found = parse(request.body)
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
            raise ApiProblem(400, f"The field {_told(name)} stands twice.", code="malformed")
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
        return unicodedata.normalize("NFC", self.verbatim(name, default, longest=longest))

    def verbatim(self, name: str, default: str | None = None, *, longest: int = 10_000) -> str:
        """The same, character by character as sent: for files, whose digest counts."""
        value = self._take(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, f"must be text, not {_told(value)}")
        if len(value) > longest or not storable(value):
            raise self._wrong(name, f"must be text of at most {longest:,} whole characters without NUL")
        return value

    def mapping(self, name: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
        """A JSON object."""
        value = self._take(name, default)
        if not isinstance(value, dict):
            raise self._wrong(name, f"must be an object, not {_told(value)}")
        return value

    def texts(self, name: str, default: list[str] | None = None) -> list[str]:
        """A list of strings."""
        value = self._take(name, default)
        if not isinstance(value, list) or not all(isinstance(v, str) and storable(v) for v in value):
            raise self._wrong(name, f"must be a list of texts, not {_told(value)}")
        return value

    def truth(self, name: str, default: bool | None = None) -> bool:
        """True or false, nothing like them."""
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, f"must be true or false, not {_told(value)}")
        return value

    def whole(self, name: str) -> int:
        """A whole number."""
        value = self._take(name, None)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(name, f"must be a whole number, not {_told(value)}")
        return value

    def day(self, name: str) -> date:
        """A day, ``2027-03-31``."""
        found: date = self._parsed(name, date.fromisoformat, "a day such as 2027-03-31")
        return found

    def instant(self, name: str) -> datetime:
        """A time with zone, ``2027-03-31T12:00:00Z``."""
        wanted = "a time with zone such as 2027-03-31T12:00:00Z"
        found: datetime = self._parsed(name, datetime.fromisoformat, wanted)
        if found.tzinfo is None:
            raise self._wrong(name, "must carry a time zone, such as Z")
        return found

    def names(self, name: str) -> bool:
        """Whether the body has this field, be it null."""
        return name in self._found

    def done(self) -> None:
        """Refuse fields that nobody asked for: a misspelt one must not be ignored."""
        extra = sorted(set(self._found) - self._read)
        if extra:
            known = ", ".join(sorted(self._read))
            sentence = f"{_told(extra[0])} is no field here; the fields are {known}."
            raise ApiProblem(422, sentence, code="invalid", field=extra[0][:80])

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
    return json.dumps(value)[:80]
