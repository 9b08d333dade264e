"""Sending a file: at once where it is small, else in pieces that go on after a break."""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from apps.cli.client import RETRIES, Answer, Client, RefusedByServer
from apps.cli.errors import Unreachable
from apps.engine.errors import BadInput

# A file up to this size is sent in one request; a larger one in pieces of this size.
PIECE = 8 << 20
PATIENCE = 8  # failures in a row, none of them bringing a byte, before the program gives up
PASSING = (408, 409, 429, 500, 502, 503, 504)

Progress = Callable[[int], None]


def send_file(client: Client, path: Path, digest: str, progress: Progress) -> None:
    """Bring the bytes of a file to the server, which keeps them under their digest."""
    if path.stat().st_size <= PIECE:
        client.upload(f"/blobs/{digest}", path, progress)
    else:
        _Pieces(client, path, digest, progress).send()


class _Pieces:
    """One upload in pieces. Whatever breaks it off, another call with the same file goes on with it."""

    def __init__(self, client: Client, path: Path, digest: str, progress: Progress) -> None:
        self._client, self._path, self._digest, self._progress = client, path, digest, progress
        self._size = path.stat().st_size

    def send(self) -> None:
        announced = {"digest": self._digest, "size": self._size}
        upload = self._client.post("/uploads", announced, key=str(uuid.uuid4())).body
        if not upload["complete"]:
            self._send_from(upload)
            self._client.post(f"/uploads/{upload['id']}/complete", {}, key=str(uuid.uuid4()))
        self._progress(self._size)

    def _send_from(self, upload: Mapping[str, Any]) -> None:
        place, offset, failed = f"/uploads/{upload['id']}", int(upload["offset"]), 0
        length = min(PIECE, int(upload["largest_piece"]))
        while offset < self._size:
            self._progress(offset)
            try:
                reached = int(self._piece(place, offset, length).body["offset"])
            except (RefusedByServer, Unreachable) as error:
                if failed >= PATIENCE or getattr(error, "status", 503) not in PASSING:
                    raise
                reached = self._asked(place, offset, failed)
            failed = 0 if reached > offset else failed + 1
            offset = reached

    def _piece(self, place: str, offset: int, length: int) -> Answer:
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise BadInput(f"{self._path} cannot be read: {error.strerror}.") from None
        if not data:
            raise BadInput(f"{self._path} became shorter while it was sent.")
        return self._client.patch(place, data, offset=offset, checksum=_sha256(data))

    def _asked(self, place: str, offset: int, failed: int) -> int:
        """How far the server has come by now; where it does not answer, as far as before."""
        time.sleep(RETRIES[min(failed, len(RETRIES) - 1)])
        try:
            return int(self._client.get(place).body["offset"])
        except Unreachable:
            return offset


def _sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
