"""The brokers that the storms are run over, each started in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from governance.local.processes import Start, processes_in, spawn
from governance.local.supervisor import Service

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


class Broker(ABC):
    """A broker of its own kind: where it is reached, how it is started, what it keeps."""

    name: str
    url: str

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "broker.log"
        folder.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def start(self) -> subprocess.Popen[bytes]: ...

    def service(self) -> Service:
        return Service(name="broker", launch=self.start, log=self.log, patience=15)

    def close(self) -> None:
        """Let go of what outlives the server itself."""
        self.wipe()

    def wipe(self) -> None:
        """Take away everything that a dead broker kept."""
        for left in self.folder.iterdir():
            if left != self.log:
                shutil.rmtree(left, ignore_errors=True)

    def _spawn(
        self, command: list[str], environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        given = {"PATH": os.environ["PATH"], "LC_ALL": "C"} | dict(environment or {})
        process = spawn(
            Start(
                command=command,
                environment=given,
                log=self.log,
                folder=self.folder,
                dies_with=signal.SIGKILL,
            )
        )
        self._wait(process)
        return process

    def _wait(self, process: subprocess.Popen[bytes], patience: float = 90) -> None:
        deadline = time.monotonic() + patience
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as client:
                client.settimeout(1)
                parts = urlsplit(self.url)
                if client.connect_ex((str(parts.hostname), parts.port or 0)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} did not start: {self.log.read_text()[-2000:]}")


class Redis(Broker):
    """Redis as it is packaged, with its default of not syncing every write."""

    name = "redis"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> subprocess.Popen[bytes]:
        program = str(shutil.which("redis-server"))
        places = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder))
        return self._spawn([program, *places, "--appendonly", "yes", "--loglevel", "warning"])


class RabbitMQ(Broker):
    """RabbitMQ as it is packaged, as a node of its own that nobody else knows."""

    name = "rabbitmq"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, self.dist, self.epmd = free_port(), free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> subprocess.Popen[bytes]:
        self._wait_for_former()
        kept = {name: str(self.folder / name) for name in ("mnesia", "logs")}
        (self.folder / "advanced.config").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        (self.folder / "enabled_plugins").write_text("[].\n")
        environment = {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"countersign{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.dist),
            "ERL_EPMD_PORT": str(self.epmd),
            "RABBITMQ_MNESIA_BASE": kept["mnesia"],
            "RABBITMQ_LOG_BASE": kept["logs"],
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "rabbitmq.pid"),
            # Kept quiet on a machine that has other work.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }
        return self._spawn([str(RABBITMQ)], environment)

    def close(self) -> None:
        super().close()
        environment = {"PATH": os.environ["PATH"], "ERL_EPMD_PORT": str(self.epmd)}
        subprocess.run(["epmd", "-kill"], env=environment, capture_output=True, check=False)

    def _wait_for_former(self, patience: float = 15) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and len(processes_in(self.folder)) > 1:
            time.sleep(0.1)


def present() -> list[str]:
    """Names of the brokers on this machine, those among them that the environment asks for."""
    found = ["valkey"]
    found += ["redis"] if shutil.which("redis-server") else []
    found += ["rabbitmq"] if RABBITMQ.exists() and shutil.which("erl") else []
    wanted = os.environ.get("COUNTERSIGN_TEST_BROKERS", "all").split(",")
    return [name for name in found if "all" in wanted or name in wanted]


def broker(name: str, folder: Path) -> Broker | None:
    """The broker of that name; None for the embedded one, which the service starts itself."""
    return {"redis": Redis, "rabbitmq": RabbitMQ}[name](folder) if name != "valkey" else None
