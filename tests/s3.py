"""A real S3-compatible object storage for tests: SeaweedFS, in a process and a folder of its own.

Each listener has a port that no other server of the tests has, those of other runs on this machine included.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITER = {"key_id": "WRITER", "secret": "writer-secret-0123456789"}
READER = {"key_id": "READER", "secret": "reader-secret-0123456789"}
BUCKET = "countersign"

_PORTS = range(20_000, 32_000, 8)  # below those from which the kernel gives out ports unasked
_TRIES = 4
_PATIENCE = 120.0


class NotServing(RuntimeError):
    """The server ended, or did not answer in time; what it said last."""


@dataclass(slots=True)
class ObjectStorage:
    """One server; it can be stopped, started again and frozen."""

    folder: Path
    ports: range
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def place(self, **changes: Any) -> dict[str, Any]:
        """Where the bucket is, for `Bucket(**place)`."""
        return {"name": BUCKET, "endpoint": self.endpoint, "timeout_s": 5, **changes}

    def setting(self, cache: Path, *, prefix: str = "", writes: bool = True) -> dict[str, Any]:
        """The setting STORE of an installation that keeps its bytes here."""
        place = self.place(prefix=prefix)
        writer = place | WRITER if writes else None
        return {"writer": writer, "reader": place | READER, "cache": cache, "cache_bytes": 1 << 30}

    def start(self) -> None:
        s3, master, volume, filer, *grpc = self.ports
        words: dict[str, object] = {
            "dir": self.folder / "data",
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "s3": "true",
            "s3.port": s3,
            "s3.port.grpc": grpc[0],
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.localSocket": "s3.sock",
            "s3.config": self.folder / "identities.json",
            "s3.iam": "false",
            "master.port": master,
            "master.port.grpc": grpc[1],
            "master.volumeSizeLimitMB": 64,
            "master.telemetry": "false",
            "volume.port": volume,
            "volume.port.grpc": grpc[2],
            "volume.max": 20,
            "filer.port": filer,
            "filer.port.grpc": grpc[3],
            "filer.localSocket": "filer.sock",
        }
        (self.folder / "data").mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program(), "-logtostderr=true", "server", *(f"-{k}={v}" for k, v in words.items())],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={"PATH": os.defpath, "HOME": str(self.folder), "TMPDIR": str(self.folder)},
            )
        self._await()

    def _await(self) -> None:
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            if self.process is None or self.process.poll() is not None:
                raise NotServing(f"ended: {self._last_words()}")
            if time.monotonic() > end:
                raise NotServing(f"no answer in {_PATIENCE:.0f} s: {self._last_words()}")
            time.sleep(0.1)

    def _last_words(self) -> str:
        """What it died of comes first: the log's fatal lines."""
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        return "\n".join([*(line for line in lines if line.startswith("F")), *lines[-15:]])

    def _answers(self) -> bool:
        import obstore
        from obstore.exceptions import BaseError

        from apps.inventory.stores.objects import Bucket, connected

        try:
            obstore.put(connected(Bucket(**self.place(), **WRITER)), "ready", b"ready")
        except BaseError:
            return False
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None
            for port in self.ports:  # it names these by their ports, always in /tmp
                for socket_file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                    socket_file.unlink(missing_ok=True)


def program() -> str | None:
    """The server's program, which the environment of the tests brings along."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@contextmanager
def serving(folder: Path) -> Iterator[ObjectStorage]:
    """A server over an empty folder, with a bucket, somebody who writes and somebody who only reads."""
    folder.mkdir(parents=True, exist_ok=True)
    reads = [f"{act}:{BUCKET}" for act in ("Read", "List")]
    people = [("writer", WRITER, ["Admin", "Read", "Write", "List"]), ("reader", READER, reads)]
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": key["key_id"], "secretKey": key["secret"]}],
            "actions": acts,
        }
        for name, key, acts in people
    ]
    (folder / "identities.json").write_text(json.dumps({"identities": identities}))
    with ExitStack() as stack:
        yield _started(folder, stack)


def _started(folder: Path, stack: ExitStack) -> ObjectStorage:
    """A server that answers; where one does not come up, another is tried on other ports."""
    for left in reversed(range(_TRIES)):
        server = ObjectStorage(folder, stack.enter_context(_own_ports()))
        stack.callback(server.stop)
        try:
            server.start()
        except NotServing:
            server.stop()
            if not left:
                raise
            shutil.rmtree(folder / "data")
        else:
            return server
    raise AssertionError


@contextmanager
def _own_ports() -> Iterator[range]:
    """Eight ports on which nobody listens and which no other run takes as long as they are held."""
    for first in random.sample(_PORTS, len(_PORTS)):
        ports = range(first, first + 8)
        with socket.socket(socket.AF_UNIX) as claim:
            try:
                claim.bind(f"\0countersign-test-ports-{first}")  # goes with this process, however it ends
                _try(ports)
            except OSError:
                continue
            yield ports
            return
    raise NotServing("no eight free ports")


def _try(ports: range) -> None:
    with ExitStack() as held:
        for port in ports:
            held.enter_context(socket.create_server(("127.0.0.1", port)))
