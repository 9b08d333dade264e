"""Bodies that come too slowly are cut off, so that nobody holds a thread of the web for ever.

Only the time spent waiting for the sender counts. A body has `GRACE` seconds and then must have come at
`LEAST` bytes a second; otherwise its connection is shut for reading, and the request ends with what came.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from apps.inventory.stores.common import TOO_SLOW

GRACE = 30.0
LEAST = 4096.0
# What is asked of the server at once: at the least pace it comes within the grace.
STEP = 64 << 10
TICK = 0.5

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Source(Protocol):
    """What a body is read from."""

    def read(self, size: int = -1, /) -> bytes: ...

    def readline(self, size: int = -1, /) -> bytes: ...


class PacedBody:
    """The body of a request; the watch looks at it while somebody waits for its bytes."""

    def __init__(self, source: Source, environ: Environ, watch: Watch) -> None:
        self._source, self._environ, self._watch = source, environ, watch
        self._since: float | None = None
        self._waited, self._came = 0.0, 0

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; without a size everything that is left."""
        pieces, left = [], size
        while left != 0:
            piece = self._waiting(self._source.read, STEP if left < 0 else min(left, STEP))
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece) if left > 0 else 0
        return b"".join(pieces)

    def readline(self, size: int = -1) -> bytes:
        return self._waiting(self._source.readline, size)

    def _waiting(self, read: Callable[[int], bytes], size: int) -> bytes:
        self._since = time.monotonic()
        with self._watch.over(self):
            found = read(size)
        self._waited += time.monotonic() - self._since
        self._since = None
        self._came += len(found)
        return found

    def late(self, now: float) -> bool:
        """Whether more time went by in waiting than what came allows."""
        since = self._since
        waited = self._waited + (now - since if since is not None else 0)
        return waited > self._watch.grace + self._came / self._watch.least

    def cut(self) -> None:
        """Let the waiting end with what came."""
        self._environ[TOO_SLOW] = True
        connection = self._environ.get("gunicorn.socket")
        if connection is not None:
            with contextlib.suppress(OSError):  # the sender was faster and went away
                connection.shutdown(socket.SHUT_RD)


class Watch:
    """One thread a process that cuts off what is late."""

    def __init__(self, *, grace: float = GRACE, least: float = LEAST) -> None:
        self.grace, self.least = grace, least
        self._lock = threading.Lock()
        self._waiting: set[PacedBody] = set()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def over(self, body: PacedBody) -> Any:
        with self._lock:
            self._waiting.add(body)
            if self._thread is None or not self._thread.is_alive():  # none yet, or before a fork
                self._thread = threading.Thread(target=self._look, name="pace", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._waiting.discard(body)

    def _look(self) -> None:
        while True:
            time.sleep(min(TICK, self.grace))
            now = time.monotonic()
            with self._lock:
                late = [body for body in self._waiting if body.late(now)]
            for body in late:
                body.cut()


def paced(application: Application, *, watch: Watch | None = None) -> Application:
    """An application none of whose threads waits for ever for a body."""
    over = watch or Watch()

    def handle(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("CONTENT_LENGTH") or environ.get("HTTP_TRANSFER_ENCODING"):
            environ["wsgi.input"] = PacedBody(environ["wsgi.input"], environ, over)
        return application(environ, start_response)

    return handle
