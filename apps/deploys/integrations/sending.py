"""Telling the other side: only hosts that the integration names, no redirects, little of what is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from apps.audit.errors import Invalid
from apps.engine.errors import BadInput
from apps.engine.manifest_endpoint import Endpoint, url_fault
from apps.outside import asking
from apps.outside.permits import Allowed, Permits

SECONDS, MOST = 15.0, 1 << 20


class NotTold(Exception):
    """The other side did not take the answer; `later` says whether to try again."""

    def __init__(self, sentence: str, *, later: bool = True, after: float | None = None) -> None:
        super().__init__(sentence)
        self.later, self.after = later, after


@dataclass(frozen=True, slots=True)
class Line:
    """The way out of one integration: the hosts that it names."""

    hosts: Sequence[str]

    def allowed(self, url: str) -> Allowed:
        """The entry that allows an address; Invalid where none does."""
        host = _host(url)
        if url_fault(url):
            raise Invalid(f"The address at {host} cannot be used.", field="url")
        try:
            return Permits.of(self.hosts).for_endpoint(Endpoint(url=url))
        except BadInput:
            raise Invalid(
                f"{host} is none of the hosts that this integration may tell.", field="url"
            ) from None

    def post(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> asking.Answer:
        """Send a JSON object."""
        return self.send("POST", url, json.dumps(body, allow_nan=False).encode(), headers)

    def send(self, method: str, url: str, raw: bytes, headers: Mapping[str, str]) -> asking.Answer:
        """Send bytes with a method; JSON, where the headers say nothing else."""
        told = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "countersign"}
        return self._tried(url, {**told, **headers}, raw, method)

    def get(self, url: str, headers: Mapping[str, str]) -> asking.Answer:
        """Fetch something small."""
        return self._tried(url, {"Accept": "application/json", "User-Agent": "countersign", **headers}, None)

    def fetch(self, url: str, headers: Mapping[str, str], *, most: int, seconds: float) -> asking.Answer:
        """Fetch a file, as large as is said."""
        return self._tried(url, {"User-Agent": "countersign", **headers}, None, most=most, seconds=seconds)

    def _tried(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        method: str = "GET",
        *,
        most: int = MOST,
        seconds: float = SECONDS,
    ) -> asking.Answer:
        allowed = self.allowed(url)
        try:
            if body is None:
                return asking.get(url, headers, allowed=allowed, most=most, seconds=seconds)
            return asking.send(method, url, body, headers, allowed=allowed, most=MOST, seconds=SECONDS)
        except asking.Away as away:
            raise NotTold(str(away), after=away.after) from None
        except BadInput as problem:
            raise NotTold(str(problem)) from None


def expected(answer: asking.Answer, *statuses: int, of: str) -> asking.Answer:
    """The answer, where its status is one of these; nothing of its text is kept, for it may hold anything."""
    if answer.status in statuses:
        return answer
    later = answer.status in (401, 403, 404, 408, 425, 429) or answer.status >= 500
    raise NotTold(f"{of} answered {answer.status}.", later=later, after=_after(answer))


def found_json(answer: asking.Answer, *, of: str) -> Any:
    """The JSON of an answer."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise NotTold(f"{of} answered something that is not JSON.") from None


def _after(answer: asking.Answer) -> float | None:
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "It")[:100]
    except ValueError:
        return "It"
