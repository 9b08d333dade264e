"""The web's listening socket: taken before anything starts, kept over restarts of the web process."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from governance.local.errors import LocalRefused

HOST = "127.0.0.1"
_TRIED = 20


def listen(port: int, say: Callable[[str], None], *, patience: float = 0) -> socket.socket:
    """Listen on *port*, waiting *patience* seconds for it; when it stays busy say so and take the next."""
    deadline = time.monotonic() + patience
    while (found := _try(port)) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    for other in range(port + 1, min(port + _TRIED, 65536)):
        if found is not None:
            return found
        if (found := _try(other)) is not None:
            say(f"Port {port} is in use by another program; using {other} instead.")
    if found is None:
        raise LocalRefused(
            f"Ports {port} to {port + _TRIED - 1} are all in use; name a free one with --port."
        )
    return found


def _try(port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(512)
    except PermissionError as error:
        listener.close()
        raise LocalRefused(
            f"Port {port} may not be used by this user; name one above 1023 with --port."
        ) from error
    except OSError:
        listener.close()
        return None
    return listener


def wait_answer(listener: socket.socket, *, patience: float = 60) -> None:
    """Wait until the web answers a request; whatever it answers."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with socket.create_connection(listener.getsockname(), timeout=patience) as client:
            client.sendall(b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            if client.recv(12).startswith(b"HTTP/1."):
                return
        time.sleep(0.1)
    raise LocalRefused("The web process does not answer; its log is in the state folder under logs/web.log.")
