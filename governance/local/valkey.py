"""The embedded Valkey: Celery's broker for a demo, on a unix socket only."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

from governance.local.binaries import service_account, valkey_server
from governance.local.errors import LocalRefused
from governance.local.folders import own, prepare
from governance.local.places import Places
from governance.local.processes import Start, processes_in, spawn, stop, tail


class Valkey:
    """One server over one state folder; its append-only file keeps messages over a restart."""

    def __init__(self, places: Places, *, hasty: bool = False) -> None:
        self.places = places
        self.hasty = hasty
        self.log = places.logs / "valkey.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        account = service_account()
        prepare(self.places, account)
        own(self.places.valkey_data, account)
        self._wait_for_former()
        self.places.valkey_socket.unlink(missing_ok=True)
        self.process = spawn(
            Start(
                command=[str(valkey_server(self.places.binaries, account)), *self._options()],
                environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                log=self.log,
                account=account,
                folder=Path("/"),
                dies_with=signal.SIGTERM,
            )
        )
        self._wait_ready(self.process)
        return self.process

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, first=signal.SIGTERM, patience=10)

    def _options(self) -> list[str]:
        return [
            *("--port", "0"),
            *("--unixsocket", str(self.places.valkey_socket)),
            *("--unixsocketperm", "700"),
            *("--dir", str(self.places.valkey_data)),
            *("--appendonly", "no" if self.hasty else "yes"),
            *("--save", ""),
            *("--loglevel", "warning"),
            *("--maxmemory-policy", "noeviction"),
        ]

    def _wait_for_former(self, patience: float = 15) -> None:
        """A server whose supervisor was killed is still writing its file: let it finish."""
        deadline = time.monotonic() + patience
        while holders := processes_in(self.places.valkey_data.resolve()):
            if time.monotonic() > deadline:
                raise LocalRefused(
                    f"Process {holders[0]} still uses {self.places.valkey_data}; end it, or wait."
                )
            time.sleep(0.05)

    def _wait_ready(self, process: subprocess.Popen[bytes], patience: float = 20) -> None:
        deadline = time.monotonic() + patience
        while process.poll() is None and time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(0.02)
        stop(process, first=signal.SIGTERM, patience=2)
        raise LocalRefused(f"Valkey did not start. It said:\n{tail(self.log)}")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.places.valkey_socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False
