"""An endpoint on loopback: by its path one that takes messages, and one that does not."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:  # the name is the library's
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen: list[Any] = self.server.seen  # type: ignore[attr-defined]
        seen.append((self.path, dict(self.headers), body))
        with contextlib.suppress(OSError):
            self._answer(self.path.strip("/"))

    def _answer(self, path: str) -> None:
        status = int(path) if path.isdigit() else 200
        self.send_response(status)
        if status in (301, 302, 307):
            self.send_header("Location", "http://127.0.0.1:5432/")
        if status in (429, 503):
            self.send_header("Retry-After", "7200")
        self.end_headers()
        if path == "flood":
            for _ in range(10_000):
                self.wfile.write(b"1" * (1 << 20))
        while path == "endless":
            self.wfile.write(b"1")
            self.wfile.flush()
            time.sleep(0.05)


class Running:
    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        server.seen = self.seen  # type: ignore[attr-defined]
        self.port = server.server_port

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def allowed(self) -> str:
        return f"http://127.0.0.1:{self.port}=127.0.0.0/8"


@contextlib.contextmanager
def receiving() -> Iterator[Running]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.daemon_threads = True
        found = Running(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield found
        server.shutdown()
