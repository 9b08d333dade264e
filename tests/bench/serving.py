"""Servers and databases of a measurement: ours, an empty one, and a peer's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from governance.local.bootstrap import OWNER
from tests import database
from tests.bench.measuring import QUIET, ROOT

OURS = "governance.wsgi:application"
THEIRS = "tests.bench.jobs_peers_site:application()"


@contextmanager
def gunicorn(
    environment: Mapping[str, str], application: str = OURS, *, python: Path | str = sys.executable
) -> Iterator[str]:
    """Two processes of four threads, as `serve` starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(str(python), "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}"),
        *("--workers", "2", "--threads", "4", "--no-control-socket", "--log-level", "error"),
    ]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=log, stderr=log)
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("gunicorn does not answer")


@contextmanager
def peers_database() -> Iterator[dict[str, str]]:
    """An empty database for a peer's tables; what a process needs to reach it as their owner."""
    name, found = f"bench_{uuid.uuid4().hex[:12]}", connection.settings_dict
    database.clone("template1", name)
    place = {"HOST": found["HOST"], "PORT": found["PORT"], "USER": OWNER, "PASSWORD": found["PASSWORD"]}
    try:
        yield (
            os.environ
            | QUIET
            | {f"PG{key}": str(value) for key, value in place.items()}
            | {"PGDATABASE": name}
        )
    finally:
        database.drop(name)
