"""Requests that waited too long for a thread are told at once to come again, so that a crowd stops nobody.

Whoever waits in a queue that only grows gives up, and asks again; then all work is for people who left. The
kernel knows when the bytes of a request came. One that waited longer than `COUNTERSIGN_LONGEST_WAIT_SECONDS`
is answered 429 in no time, the queue behind it shrinks, and whoever is served was served in time. Nothing was
begun for it: the same request may be sent again.
"""

from __future__ import annotations

import json
import secrets
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

# Of the kernel's record of a connection: the milliseconds since the last bytes came.
_LAST_CAME = 52
# Whoever watches the service is answered however many wait.
_ALWAYS = ("/health", "/api/v1/health", "/metrics", "/api/v1/metrics")
_AGAIN_S = 2
_TYPE = "https://countersign.dev/problems/crowded"
# Of a body so much is read, so that the answer is not lost with the connection.
_READ = 1 << 20


def timely(application: Application, longest: float) -> Application:
    """The application, for requests that waited no longer than so many seconds."""

    def answer(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        late = waited(environ)
        if late <= longest or str(environ.get("PATH_INFO", "")).startswith(_ALWAYS):
            return application(environ, start)
        return _refused(environ, start, late)

    return answer


def waited(environ: Environ) -> float:
    """The seconds since the bytes of a request came; 0 where nobody can say."""
    connection = environ.get("gunicorn.socket")
    if not isinstance(connection, socket.socket):
        return 0.0
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_CAME + 4)
    except OSError:
        return 0.0  # no TCP, such as a socket in a folder
    if len(told) < _LAST_CAME + 4:
        return 0.0
    return float(struct.unpack_from("=I", told, _LAST_CAME)[0]) / 1000


def _refused(environ: Environ, start: Callable[..., Any], late: float) -> Iterable[bytes]:
    _leave_nothing(environ)
    again = str(_AGAIN_S + secrets.randbelow(_AGAIN_S + 1))  # not all of them at the same moment
    sentence = (
        f"Too many requests are waiting: this one waited {late:.1f} s and was not begun. Send it again in "
        f"{again} s."
    )
    if str(environ.get("PATH_INFO", "")).startswith("/api/"):
        told = {"type": _TYPE, "title": "Too many requests", "status": 429, "detail": sentence}
        kind, body = "application/problem+json", json.dumps(told).encode()
    else:
        kind, body = "text/plain; charset=utf-8", sentence.encode()
    start(
        "429 Too Many Requests",
        [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Retry-After", again),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
        ],
    )
    return [body]


def _leave_nothing(environ: Environ) -> None:
    """Read a small body: a connection that is closed before it is read takes the answer with it."""
    length = str(environ.get("CONTENT_LENGTH") or "0")
    if length.isdecimal() and 0 < int(length) <= _READ:
        environ["wsgi.input"].read(int(length))
