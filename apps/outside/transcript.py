"""What was asked of a service and what it answered, by digest: numbers can be traced, and measured again.

A transcript is lines of JSON: one about the service, then one an exchange. Requests hold people's features
and are never kept, only their digests; answers are kept where the installation keeps them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.engine.errors import BadInput

KIND = "EndpointTranscript"
MEDIA = "application/x-ndjson"
KEPT_AT_MOST = 256 << 20


def digest(data: bytes) -> str:
    """A SHA-256 as digests are written everywhere."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(slots=True)
class Transcript:
    """The exchanges of one measuring.

    Parameters
    ----------
    keep : bool
        Whether answers are kept, as far as they are small enough together.
    """

    url: str
    keep: bool = True
    notes: dict[str, Any] = field(default_factory=dict)
    retries: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    request_bytes: int = 0
    response_bytes: int = 0

    def add(self, request: bytes, answer: bytes) -> None:
        """Write one exchange down."""
        self.request_bytes += len(request)
        self.response_bytes += len(answer)
        if self.response_bytes > KEPT_AT_MOST:
            self.keep = False
        line = {"request": digest(request), "answer": digest(answer), "bytes": len(answer)}
        self.lines.append({**line, "body": base64.b64encode(answer).decode()} if self.keep else line)

    def written(self) -> bytes:
        """The transcript as a file."""
        kept = self.keep
        lines = self.lines if kept else [{k: v for k, v in li.items() if k != "body"} for li in self.lines]
        head = {"kind": KIND, "url": self.url, "answers_kept": kept, **self.notes}
        return b"".join(_line(one) for one in (head, *lines))

    def summary(self) -> dict[str, Any]:
        """What evidence says of it."""
        return {
            "url": self.url,
            "exchanges": len(self.lines),
            "request_bytes": self.request_bytes,
            "answer_bytes": self.response_bytes,
            "retries": self.retries,
            "transcript": digest(self.written()),
            "answers_kept": self.keep,
            **self.notes,
        }


class Recorded:
    """The answers of a transcript, given again to the same requests.

    Examples
    --------
    >>> one = Transcript("https://scores.example/v1")
    >>> one.add(b"rows", b"scores")
    >>> Recorded(one.written()).answer(b"rows")
    b'scores'
    """

    def __init__(self, data: bytes) -> None:
        head, lines = _read(data)
        self.url = str(head.get("url"))
        if not head.get("answers_kept"):
            raise BadInput(
                "The transcript holds digests alone: its answers were not kept, so none can be given."
            )
        self._answers: dict[str, list[bytes]] = {}
        for line in lines:
            self._answers.setdefault(str(line.get("request")), []).append(_body(line))

    def answer(self, request: bytes) -> bytes:
        """What was answered to this request then; of the same request asked again, the next answer."""
        answers = self._answers.get(digest(request))
        if not answers:
            raise BadInput(
                "The transcript holds no answer to these rows: other data, features or seed were asked then."
            )
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _read(data: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        found = [json.loads(line) for line in data.splitlines()]
    except (ValueError, RecursionError) as problem:
        raise BadInput("The transcript cannot be read: its lines are no JSON.") from problem
    if not found or not all(isinstance(one, dict) for one in found) or found[0].get("kind") != KIND:
        raise BadInput("This is no transcript of an endpoint's answers.")
    return found[0], found[1:]


def _body(line: Mapping[str, Any]) -> bytes:
    try:
        found = base64.b64decode(str(line.get("body")), validate=True)
    except (ValueError, binascii.Error) as problem:
        raise BadInput("The transcript has an answer that cannot be read.") from problem
    if digest(found) != line.get("answer"):
        raise BadInput("The transcript has an answer that is not the one that its digest names.")
    return found
