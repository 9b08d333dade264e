"""Asking a witness to cosign a checkpoint (C2SP tlog-witness)."""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from apps.audit.errors import Refused
from apps.engine.cosignature import Cosigner
from apps.engine.errors import BadInput, Problem
from apps.engine.note import Note

PATIENCE = 5.0
LARGEST = 64 * 1024
AHEAD = timedelta(minutes=1)


class Unreachable(Refused):
    """No cosignature can be had now; `str()` says why."""

    code = "witness_unreachable"


class Forked(Refused):
    """The witness saw another history of this log."""

    code = "log_forked"


class Conflict(Exception):
    """The witness saw a checkpoint of another size than the one that the proof starts from."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness that the installation is configured with."""

    cosigner: Cosigner
    url: str

    @property
    def name(self) -> str:
        return self.cosigner.name


@dataclass(frozen=True, slots=True)
class Vouched:
    """A witness's signature line and the second that it states."""

    line: str
    at: datetime


def configured() -> list[Witness]:
    """The witnesses of the settings, each written as `verifier-key@url`."""
    return [_witness(text) for text in settings.WITNESSES]


def _witness(text: str) -> Witness:
    key, _, url = text.rpartition("@")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"COUNTERSIGN_WITNESSES holds {text[:80]!r}; expected verifier-key@https://host.")
    return Witness(Cosigner.parse(key), url.rstrip("/"))


def ask(witness: Witness, note: bytes, *, old: int, proof: Sequence[bytes]) -> Vouched:
    """The witness's cosignature over a signed checkpoint; `proof` leads there from `old` events."""
    hashes = "".join(base64.b64encode(h).decode() + "\n" for h in proof)
    status, kind, said = _post(witness, f"old {old}\n{hashes}\n".encode() + note)
    if status == 200:
        return _vouched(witness, note, said)
    if status == 409 and kind == "text/x.tlog.size" and said.strip().isdigit():
        raise Conflict(int(said))
    words = said.decode("utf-8", "replace").strip().split("\n")[0][:200]
    if status == 422:
        raise Forked(f"The witness {witness.name} saw another history of this log: {words}")
    raise Unreachable(f"The witness {witness.name} answered {status}: {words or 'without a word'}")


def _vouched(witness: Witness, note: bytes, said: bytes) -> Vouched:
    try:
        whole = Note.parse(note + said)
        at = witness.cosigner.signed_at(whole)
    except Problem as error:
        raise Unreachable(f"The witness {witness.name} gave no cosignature that holds: {error}") from error
    if at > timezone.now() + AHEAD:
        raise Unreachable(
            f"The clock of the witness {witness.name} is ahead: it signed at {at:%H:%M:%S} UTC."
        )
    mine = [s for s in whole.signatures if (s.name, s.key_id) == (witness.name, witness.cosigner.key_id)]
    newest = max(mine, key=lambda s: s.signature[:8])
    return Vouched(newest.line(), at)


def _post(witness: Witness, body: bytes) -> tuple[int, str, bytes]:
    """No proxy, no redirect, an answer of bounded size within a bounded time."""
    parts = urlsplit(witness.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
    end = time.monotonic() + 2 * PATIENCE
    try:
        connection.request("POST", f"{parts.path}/add-checkpoint", body=body)
        answer = connection.getresponse()
        return answer.status, answer.headers.get_content_type(), _all_of(answer, end)
    except (OSError, http.client.HTTPException, ValueError) as error:
        said = str(error) or type(error).__name__
        raise Unreachable(f"The witness {witness.name} cannot be reached: {said}.") from error
    finally:
        connection.close()


def _all_of(answer: http.client.HTTPResponse, end: float) -> bytes:
    found = b""
    while part := answer.read1(LARGEST):
        found += part
        if len(found) > LARGEST or time.monotonic() > end:
            raise ValueError("its answer does not end")
    return found
