"""A scoring service on loopback: one that behaves, and by its path one that does not."""

from __future__ import annotations

import contextlib
import io
import json
import math
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow as pa


def logistic(row: list[Any]) -> float:
    """The score of a row: its numbers summed, text and missing counted as nothing."""
    total = sum(v for v in row if isinstance(v, (int, float)) and not isinstance(v, bool))
    return 1 / (1 + math.exp(-total))


class Scorer(BaseHTTPRequestHandler):
    """Scores rows; what it was asked stands in the server's `seen`."""

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:  # the name is the library's
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen: list[Any] = self.server.seen  # type: ignore[attr-defined]
        seen.append((self.path, dict(self.headers), body))
        with contextlib.suppress(OSError):
            getattr(self, "at" + self.path.replace("/", "_"), self.at_ok)(body, len(seen))

    def at_ok(self, body: bytes, _: int) -> None:
        asked = json.loads(body)
        self.say(json.dumps({"scores": [logistic(r) for r in asked["rows"]], "model": "pd 7"}).encode())

    def at_arrow(self, body: bytes, _: int) -> None:
        rows = pa.ipc.open_stream(body).read_all().to_pylist()
        table = pa.table({"score": [logistic(list(row.values())) for row in rows]})
        out = io.BytesIO()
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
        self.say(out.getvalue())

    def at_busy(self, body: bytes, turn: int) -> None:
        if turn % 3:
            self.say(b"", 429 if turn % 3 == 1 else 503, {"Retry-After": "0"})
        else:
            self.at_ok(body, turn)

    def at_gone(self, _: bytes, __: int) -> None:
        self.say(b"", 503, {"Retry-After": "86400"})

    def at_moved(self, _: bytes, __: int) -> None:
        self.say(b"", 307, {"Location": "http://127.0.0.1:5432/"})

    def at_broken(self, _: bytes, __: int) -> None:
        self.say(b"secret inner words", 500)

    def at_drift(self, body: bytes, turn: int) -> None:
        scores = [logistic(row) + turn / 1000 for row in json.loads(body)["rows"]]
        self.say(json.dumps({"scores": scores}).encode())

    def at_other(self, body: bytes, turn: int) -> None:
        rows = json.loads(body)["rows"]
        self.say(json.dumps({"scores": [0.5] * len(rows), "model": f"pd {turn}"}).encode())

    def at_short(self, _: bytes, __: int) -> None:
        self.say(b'{"scores": [0.5]}')

    def at_nan(self, body: bytes, _: int) -> None:
        self.say(json.dumps({"scores": [math.nan] * len(json.loads(body)["rows"])}).encode())

    def at_huge(self, body: bytes, _: int) -> None:
        self.say(b'{"scores": [' + b",".join([b"1e999"] * len(json.loads(body)["rows"])) + b"]}")

    def at_text(self, body: bytes, _: int) -> None:
        self.say(json.dumps({"scores": ["0.5"] * len(json.loads(body)["rows"])}).encode())

    def at_words(self, _: bytes, __: int) -> None:
        self.say(b"<html>welcome</html>")

    def at_flood(self, _: bytes, __: int) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"1" * (1 << 20))

    def at_drip(self, _: bytes, __: int) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b"1")
            self.wfile.flush()
            time.sleep(0.05)

    def at_cut(self, _: bytes, __: int) -> None:
        self.say(b'{"scores": [', headers={"Content-Length": "5000"})

    def say(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Running:
    """A server that runs: where it is, and what it was asked."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.port = server.server_port
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        server.seen = self.seen  # type: ignore[attr-defined]

    @property
    def allowed(self) -> str:
        """The entry that allows to ask it."""
        return f"http://127.0.0.1:{self.port}=127.0.0.0/8"

    def url(self, path: str = "/ok") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextlib.contextmanager
def running() -> Iterator[Running]:
    """A server for as long as it is needed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scorer)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Running(server)
    finally:
        server.shutdown()
        server.server_close()
