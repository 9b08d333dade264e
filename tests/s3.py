"""A real S3-compatible object storage for tests: SeaweedFS, in a process and a folder of its own."""

from __future__ import annotations

import json
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


@dataclass(slots=True)
class ObjectStorage:
    """One server; it can be stopped, started again and frozen."""

    folder: Path
    ports: list[int]
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
        }
        (self.folder / "data").mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program(), "-logtostderr=true", "server", *(f"-{k}={v}" for k, v in words.items())],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        self._await()

    def _await(self) -> None:
        end = time.monotonic() + 60
        while not self._answers():
            if time.monotonic() > end or self.process is None or self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.1)

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
    server = ObjectStorage(folder, _free_ports(8))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        found = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in found]
