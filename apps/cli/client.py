"""Talking to the server: one token, short time-outs, retries on what passes, problems as sentences."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from apps.cli import identity
from apps.cli.errors import NotConfigured, Unreachable
from apps.cli.text import safe
from apps.engine.errors import BadInput, Problem

URL, TOKEN, TOKEN_FILE = "COUNTERSIGN_URL", "COUNTERSIGN_TOKEN", "COUNTERSIGN_TOKEN_FILE"
AUDIENCE = "COUNTERSIGN_AUDIENCE"
RETRIES = (0.5, 2.0, 5.0)
PASSING = frozenset({429, 500, 502, 503, 504})
LONGEST_PAUSE = 60.0  # of Retry-After; whoever says more is not waited for
CHUNK = 1 << 20
LARGEST_ANSWER = 64 << 20
_USER = re.compile(r"//[^/@]*@")


class RefusedByServer(Problem):
    """The server said no, and why."""

    def __init__(self, sentence: str, *, status: int, after: float = 0.0) -> None:
        super().__init__(sentence)
        self.status, self.after = status, after


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Client:
    """One server and one token."""

    def __init__(self, url: str, token: str | Callable[[], str]) -> None:
        self.base = _address(url).rstrip("/") + "/api/v1"
        self._token = token
        self._opener = urllib.request.build_opener(_NoRedirects())

    @classmethod
    def from_environment(cls, url: str | None = None) -> Client:
        """The server and token that the environment names; tokens never stand among the arguments."""
        place = _address(url or os.environ.get(URL, ""))
        token = os.environ.get(TOKEN, "").strip() or _token_file() or identity.given()
        if not token and identity.offered():
            return cls(place, lambda: identity.asked_for(os.environ.get(AUDIENCE, "") or place.rstrip("/")))
        if not (token.isascii() and token.isprintable()):
            raise NotConfigured("The token holds characters that no token has.")
        if not token:
            raise NotConfigured(
                f"A token is needed: set {TOKEN}, or {TOKEN_FILE} to a file with it. GitHub Actions needs "
                f"permissions: id-token: write instead, GitLab CI an entry {identity.ID_TOKEN} of id_tokens."
            )
        return cls(place, token)

    def get(self, path: str) -> Answer:
        """Read something; tried again when the server is busy."""
        return self._retried(lambda: self._send("GET", path))

    def file(self, path: str) -> bytes:
        """The bytes of something that is no JSON, or is taken as it stands."""
        found: bytes = self._retried(
            lambda: self._send("GET", path, headers={"Accept": "*/*"}, read=_whole)
        ).body
        return found

    def post(self, path: str, body: Mapping[str, Any], *, key: str = "") -> Answer:
        """Ask for something; with a key the same request is never done twice, so it may be tried again."""
        data = _bytes(json.dumps(body, ensure_ascii=False, allow_nan=False))
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        call = self._retried if key else _once
        return call(lambda: self._send("POST", path, data=data, headers=headers))

    def has(self, path: str) -> bool:
        """Whether something is there."""
        try:
            return self._retried(lambda: self._send("HEAD", path)).status == 200
        except RefusedByServer as error:
            if error.status == 404:
                return False
            raise

    def upload(self, path: str, file: Path, progress: Callable[[int], None]) -> Answer:
        """Send a file as it stands, in pieces."""
        size = str(file.stat().st_size)
        headers = {"Content-Type": "application/octet-stream", "Content-Length": size}
        return self._retried(
            lambda: self._send("PUT", path, data=_pieces(file, progress), headers=headers, seconds=600)
        )

    def patch(self, path: str, data: bytes, *, offset: int, checksum: str) -> Answer:
        """Send the next piece of an upload; what went wrong is told at once, as bytes may have arrived."""
        headers = {
            "Content-Type": "application/partial-upload",
            "Upload-Offset": str(offset),
            "Content-Digest": f"sha-256=:{checksum}:",
        }
        return self._send("PATCH", path, data=data, headers=headers, seconds=120)

    def _retried(self, call: Callable[[], Answer]) -> Answer:
        for pause in RETRIES:
            try:
                return call()
            except Unreachable:
                time.sleep(pause)
            except RefusedByServer as error:
                if error.status not in PASSING or error.after > LONGEST_PAUSE:
                    raise
                time.sleep(max(pause, error.after))
        return call()

    def _send(
        self,
        method: str,
        path: str,
        *,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 60,
        read: Callable[[HTTPResponse], Answer] | None = None,
    ) -> Answer:
        token = self._token if isinstance(self._token, str) else self._token()
        told = {"Authorization": f"Bearer {token}", "Accept": "application/json", **(headers or {})}
        request = urllib.request.Request(self.base + path, data=data, headers=told, method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=seconds) as response:
                return (read or _read)(response)
        except urllib.error.HTTPError as error:
            raise RefusedByServer(_sentence(error), status=error.code, after=_after(error)) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise Unreachable(f"The server {self.base} gave no answer: {reason}.") from None


def _address(place: str) -> str:
    """The address of a server, as it was given; nothing is sent to what is none, or holds more than one."""
    try:
        parts = urlsplit(place)
        usable = parts.port is None or parts.port > 0
    except ValueError:
        parts, usable = urlsplit(""), False
    labels = (parts.hostname or "").removesuffix(".").split(".")
    usable = usable and parts.scheme in ("http", "https") and place.isascii() and place.isprintable()
    usable = usable and " " not in place and all(0 < len(label) < 64 for label in labels)
    if not usable or "?" in place or "#" in place or "@" in parts.netloc:
        shown = _USER.sub("//…@", place)
        raise NotConfigured(
            f"Say which server: --server https://… or {URL}, without a user, a query or a fragment; "
            f"it is {shown!r} now."
        )
    return place


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadInput("What would be asked holds bytes that are no text; write it in UTF-8.") from None


def _once(call: Callable[[], Answer]) -> Answer:
    return call()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token elsewhere; it is an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _whole(response: HTTPResponse) -> Answer:
    raw = response.read(LARGEST_ANSWER + 1)
    if len(raw) > LARGEST_ANSWER:
        raise Unreachable("The server's answer is larger than any that it gives.")
    return Answer(response.status, raw, {k.lower(): v for k, v in response.getheaders()})


def _read(response: HTTPResponse) -> Answer:
    found = _whole(response)
    try:
        return Answer(found.status, json.loads(found.body) if found.body else None, found.headers)
    except ValueError:
        raise Unreachable("The server answered something that is not JSON; is the address right?") from None


def _after(error: urllib.error.HTTPError) -> float:
    """The seconds of Retry-After; a date is as good as none."""
    text = (error.headers.get("Retry-After") or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0


def _sentence(error: urllib.error.HTTPError) -> str:
    raw = error.read(100_000)
    try:
        told = json.loads(raw)
        detail = str(told["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The server answered {error.code} {error.reason}."
    return safe(detail)


def _pieces(file: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    sent = 0
    with file.open("rb") as source:
        while piece := source.read(CHUNK):
            yield piece
            sent += len(piece)
            progress(sent)


def _token_file() -> str:
    place = os.environ.get(TOKEN_FILE, "")
    if not place:
        return ""
    try:
        return Path(place).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise NotConfigured(f"The token file {place} cannot be read: {reason}.") from None


def segment(text: str) -> str:
    """A name as one segment of a path."""
    return quote(_bytes(text), safe="")
