"""`POST /add-checkpoint`: the judgement, and HTTP around it."""

from __future__ import annotations

import socket
import sqlite3
import sys
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from witness.folder import Folder, keep_evidence, newest, remember
from witness.notes import EMPTY_ROOT, Checkpoint, Malformed, Request, continues, cosign, read_request

LARGEST = 64 * 1024
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body of text."""

    status: int
    body: str
    type: str = "text/plain; charset=utf-8"


def _conflict(size: int) -> Answer:
    return Answer(409, f"{size}\n", "text/x.tlog.size")


class Witness:
    """One witness: what it knows, and its key."""

    def __init__(self, folder: Folder) -> None:
        self._folder, self._key, self._store = folder, folder.private(), folder.store()
        self.name = folder.public().name

    def add_checkpoint(self, body: bytes) -> Answer:
        try:
            asked = read_request(body)
            keys = [key for key in self._folder.logs() if key.name == asked.checkpoint.origin]
        except Malformed as error:
            return Answer(400, f"{error}\n")
        if not keys:
            return Answer(404, "This log is not known here.\n")
        if not asked.checkpoint.signed_by(keys):
            return Answer(403, "No key that is known for this log signed the checkpoint.\n")
        if asked.old > asked.checkpoint.size:
            return Answer(400, "The old size is above that of the checkpoint.\n")
        with self._store.alone() as store:
            refused = self._judged(asked, store)
            if refused is None:
                remember(store, asked.checkpoint)
        return refused or Answer(200, cosign(asked.checkpoint, self._key, self.name, int(time.time())))

    def _judged(self, asked: Request, store: sqlite3.Connection) -> Answer | None:
        """None when the checkpoint continues what was seen; it is cosigned only then."""
        found: Checkpoint = asked.checkpoint
        size, root = newest(store, found.origin) or (0, EMPTY_ROOT)
        if asked.old != size:
            return _conflict(size)
        if size == found.size and root != found.root:
            keep_evidence(store, found)
            return _conflict(size)
        if not continues(size, root, found.size, found.root, asked.proof):
            keep_evidence(store, found)
            return Answer(
                422, "The proof does not show that this checkpoint continues the one seen before.\n"
            )
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "witness", ""
    timeout = PATIENCE
    witness: Witness

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != "/add-checkpoint":
            self._say(Answer(404, "There is nothing here but POST /add-checkpoint.\n"), close=True)
        elif not length.isascii() or not length.isdigit() or int(length) > LARGEST:
            self._say(Answer(400, f"A body of at most {LARGEST} bytes is expected.\n"), close=True)
        else:
            self._say(self.witness.add_checkpoint(self.rfile.read(int(length))))

    def _say(self, answer: Answer, *, close: bool = False) -> None:
        data = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(data)))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        sys.stderr.write(f"{self.log_date_time_string()} {self.address_string()} {format % args}\n")


class Server(ThreadingHTTPServer):
    """Takes a socket that listens already."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, witness: Witness) -> None:
        handler = type("Handler", (_Handler,), {"witness": witness})
        super().__init__(listener.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = listener.getsockname()[:2]
