"""Time stamps from an authority outside the service (RFC 3161): asked for, and verified.

Where no authority is configured, the test authority of `demo` and `serve` stands in, and says so in
its name: its time proves nothing to anybody else.
"""

from __future__ import annotations

import http.client
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from apps.audit.errors import Refused
from apps.engine import timestamp
from apps.engine.timestamp import BadTimestamp

PATIENCE_S = 5.0


class Unreachable(Refused):
    """No time stamp can be had now; `str()` says why."""

    code = "timestamp_unreachable"


class Unverifiable(Refused):
    """A time stamp proves nothing; `str()` says why."""

    code = "timestamp_unverifiable"


@dataclass(frozen=True, slots=True)
class Authority:
    """Where time stamps are asked for and which certificates they must be under."""

    url: str
    certificates: str
    test: bool

    @property
    def words(self) -> str:
        """How pages and reports name it."""
        if self.test:
            return "a test authority of this installation, which proves no time to anybody else"
        return urlsplit(self.url).hostname or self.url


def authority() -> Authority | None:
    """The configured authority, else the test authority beside the service, else None."""
    if settings.TSA_URL:
        return Authority(settings.TSA_URL, _read(settings.TSA_CERTIFICATES), test=False)
    folder = settings.TEST_AUTHORITY
    if not (folder / "address").exists():
        return None
    return Authority(
        (folder / "address").read_text("ascii").strip(), _read(folder / "certificates.pem"), test=True
    )


def in_words() -> str:
    """Who stamps time here, for the health page."""
    try:
        found = authority()
    except Unverifiable as error:
        return str(error)
    return found.words if found is not None else "nobody: set COUNTERSIGN_TSA_URL"


def certificates() -> list[str]:
    """The pinned certificates of the authority as PEM; none where there is no authority."""
    found = authority()
    return [found.certificates] if found is not None else []


def _read(path: Path | None) -> str:
    if path is None:
        raise Unverifiable(
            "COUNTERSIGN_TSA_URL is set without COUNTERSIGN_TSA_CERTIFICATES, so no stamp of it can count."
        )
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Unverifiable(
            f"The certificates of the time-stamping authority, {path}, cannot be read."
        ) from error


def stamp(digest: bytes) -> bytes:
    """A token for a SHA-256 digest, verified before it is given out.

    Unreachable where the authority does not answer as it should; never a token that proves nothing.
    """
    if len(digest) != 32:
        raise ValueError(f"a SHA-256 digest has 32 bytes, not {len(digest)}")
    nonce = secrets.randbits(63)
    answer = respond(timestamp.request_of(digest, nonce=nonce))
    try:
        token = timestamp.token_of(answer, digest=digest, nonce=nonce)
        verify(token, digest)
    except (BadTimestamp, Unverifiable) as error:
        raise Unreachable(f"The time-stamping authority gave no usable stamp: {error}") from error
    return token


def verify(token: bytes, digest: bytes) -> datetime:
    """The time that a token proves for a SHA-256 digest, under the pinned certificates."""
    try:
        pinned = timestamp.certificates_of(certificates())
    except ValueError as error:
        raise Unverifiable("The certificates of the time-stamping authority are no PEM.") from error
    try:
        return timestamp.verify_token(token, digest, authorities=pinned)
    except BadTimestamp as error:
        raise Unverifiable(str(error)) from error


def respond(query: bytes) -> bytes:
    """The authority's raw answer to a request."""
    found = authority()
    if found is None:
        raise Unreachable("No time-stamping authority is configured; set COUNTERSIGN_TSA_URL.")
    try:
        return _post(found.url, query)
    except (OSError, http.client.HTTPException, ValueError) as error:
        said = str(error) or type(error).__name__
        raise Unreachable(f"The time-stamping authority cannot be reached: {said}.") from error


def _post(url: str, query: bytes) -> bytes:
    """No proxy, no redirect, an answer of bounded size within a bounded time."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    end = time.monotonic() + 2 * PATIENCE_S
    try:
        connection.request("POST", path, body=query, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"it answered {answer.status}")
        return _all_of(answer, end)
    finally:
        connection.close()


def _all_of(answer: http.client.HTTPResponse, end: float) -> bytes:
    found = b""
    while part := answer.read1(timestamp.LARGEST):
        found += part
        if len(found) > timestamp.LARGEST:
            raise ValueError(f"its answer is longer than {timestamp.LARGEST >> 10} KiB")
        if time.monotonic() > end:
            raise ValueError(f"its answer took longer than {2 * PATIENCE_S:.0f} s")
    return found
