"""Bodies that are bytes: read in pieces, never further than they were said to go."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

from django.http import UnreadablePostError

from apps.api.problems import ApiProblem
from apps.api.reading import content_length
from apps.inventory.stores.common import TOO_SLOW, CutShort

if TYPE_CHECKING:
    from django.http import HttpRequest


class Upload:
    """A request's body, read in pieces; one that ends before its Content-Length is refused."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._left = content_length(request)
        self._said = self._left

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end."""
        try:
            piece = self._request.read(size)
        except UnreadablePostError:
            piece = b""
        self._left -= len(piece)
        if not piece and self._left > 0:
            raise self._cut()
        return piece

    def _cut(self) -> CutShort:
        got = self._said - self._left
        if self._request.META.get(TOO_SLOW):
            return CutShort(f"The upload came too slowly; {got:,} bytes arrived.", code="too_slow")
        return CutShort(f"The upload ended after {got:,} bytes; its Content-Length said {self._said:,}.")


def content_digest(request: HttpRequest) -> str | None:
    """The SHA-256 that the field Content-Digest (RFC 9530) gives; None without the field."""
    told = request.headers.get("Content-Digest", "")
    if not told:
        return None
    for part in told.split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "sha-256" and value.startswith(":") and value.endswith(":"):
            return f"sha256:{_raw(value[1:-1]).hex()}"
    raise _no_digest(told)


def _raw(text: str) -> bytes:
    try:
        found = b64decode(text, validate=True)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise _no_digest(text)
    return found


def _no_digest(told: str) -> ApiProblem:
    sentence = f"Content-Digest is {told[:80]!r}; expected sha-256=:…: with the Base64 of 32 bytes."
    return ApiProblem(400, sentence, code="malformed", field="Content-Digest")


def whole_number(request: HttpRequest, header: str) -> int:
    """A header that holds a number of bytes."""
    told = request.headers.get(header, "")
    if not (told.isascii() and told.isdigit()) or len(told) > 18:
        raise ApiProblem(400, f"{header} is {told[:40]!r}; expected a number of bytes.", code="malformed")
    return int(told)
