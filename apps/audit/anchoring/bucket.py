"""Copies of checkpoints in a bucket of an S3-compatible object storage, which keeps each until a day.

The retention of an object stands in the headers that it is put with, and those are signed (AWS Signature,
version 4). A bucket that takes them and keeps nothing is found at once: what it keeps is asked for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from django.utils import timezone

from apps.audit.anchoring.copies import NotCopied, file_name
from apps.audit.anchoring.store import Head

PATIENCE: Final = 15.0
LARGEST: Final = 1 << 16
_UNTIL: Final = "x-amz-object-lock-retain-until-date"
_MODE: Final = "x-amz-object-lock-mode"
_EMPTY: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where the bucket is, as whom it is written to, and how long it keeps what is put there."""

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    key_id: str
    secret_file: Path
    mode: str = "COMPLIANCE"
    days: int = 3650

    def put(self, head: Head) -> None:
        path, data = "/".join(filter(None, (self.prefix, file_name(head)))), head.cosigned()
        until = timezone.now() + timedelta(days=self.days)
        answer = self._ask(
            "PUT",
            path,
            data,
            {
                "content-md5": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
                "if-none-match": "*",
                _MODE: self.mode,
                _UNTIL: until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        )
        if answer.status not in (200, 409, 412):
            raise NotCopied(f"The bucket {self.name} did not take {path}: it answered {answer.status}.")
        self._keeps(path, head, until, new=answer.status == 200)

    def _keeps(self, path: str, head: Head, until: datetime, *, new: bool) -> None:
        """What lies there states the same tree, and is kept: as long as was asked where it is new."""
        found = self._ask("GET", path, b"", {})
        if found.status != 200:
            raise NotCopied(f"The bucket {self.name} does not give {path} back: it answered {found.status}.")
        if found.body.partition(b"\n\n")[0] != head.note.partition(b"\n\n")[0]:
            raise NotCopied(f"{path} in {self.name} states another tree of {head.size} events than the log.")
        kept = _moment(found.headers.get(_UNTIL, ""))
        asked = until - timedelta(hours=1) if new else timezone.now()
        if kept is None or (kept < asked and new) or found.headers.get(_MODE, "") not in self._enough():
            raise NotCopied(
                f"The bucket {self.name} took {path} and does not hold it back from removal: "
                "object lock is off there, or shorter than was asked."
            )

    def _enough(self) -> tuple[str, ...]:
        return ("COMPLIANCE",) if self.mode == "COMPLIANCE" else ("COMPLIANCE", "GOVERNANCE")

    # --- One signed request ------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, data: bytes, headers: Mapping[str, str]) -> _Answer:
        parts = urlsplit(self.endpoint or f"https://s3.{self.region}.amazonaws.com")
        place = f"{parts.path.rstrip('/')}/{quote(f'{self.name}/{path}', safe='/-_.~')}"
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
        try:
            told = self._signed(method, parts.netloc, place, data, headers)
            connection.request(method, place, body=data or None, headers=told)
            answer = connection.getresponse()
            body = answer.read(LARGEST)
            return _Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = str(error) or type(error).__name__
            raise NotCopied(f"The object storage of {self.name} is not reached: {why}.") from error
        finally:
            connection.close()

    def _signed(
        self, method: str, host: str, place: str, data: bytes, headers: Mapping[str, str]
    ) -> dict[str, str]:
        at = timezone.now().astimezone(UTC)
        body = hashlib.sha256(data).hexdigest() if data else _EMPTY
        told = {
            **headers,
            "host": host,
            "x-amz-content-sha256": body,
            "x-amz-date": at.strftime("%Y%m%dT%H%M%SZ"),
        }
        names = ";".join(sorted(told))
        lines = "".join(f"{name}:{told[name]}\n" for name in sorted(told))
        request = f"{method}\n{place}\n\n{lines}\n{names}\n{body}"
        scope = f"{at:%Y%m%d}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = self._sign(at, f"AWS4-HMAC-SHA256\n{told['x-amz-date']}\n{scope}\n{digest}")
        credential = f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}"
        told["authorization"] = f"{credential}, SignedHeaders={names}, Signature={signature}"
        return told

    def _sign(self, at: datetime, text: str) -> str:
        try:
            key = b"AWS4" + self.secret_file.read_bytes().strip()
        except OSError as error:
            raise NotCopied(
                f"The key for the bucket {self.name} cannot be read: {error.strerror}."
            ) from error
        for part in (at.strftime("%Y%m%d"), self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
