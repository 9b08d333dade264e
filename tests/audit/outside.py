"""A witness that really answers, for logs of tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from apps.audit.anchoring.introduction import introduce
from witness.folder import Folder
from witness.server import Server, Witness


@contextmanager
def answering(path: Path) -> Iterator[str]:
    """A witness over HTTP that knows the log as it is now; its line for COUNTERSIGN_WITNESSES."""
    folder = Folder.init(path, "witness.example/w1")
    introduce(path / "logs")
    listener = socket.create_server(("127.0.0.1", 0))
    with Server(listener, Witness(folder)) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"{folder.public().text()}@http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.shutdown()


@contextmanager
def witnessed(path: Path) -> Iterator[str]:
    """The same, and the settings name it."""
    former = settings.WITNESSES
    with answering(path) as line:
        settings.WITNESSES = [line]
        try:
            yield line
        finally:
            left, settings.WITNESSES = settings.WITNESSES, former
        assert left == [line], "What a test sets over this must end before this does, or it comes back after."
