"""The processes of one installation on one machine: what each is started with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from apps.engine.resources import driver
from governance.env import Environment
from governance.local.bootstrap import bootstrap
from governance.local.errors import LocalRefused
from governance.local.places import Places
from governance.local.postgres import Postgres
from governance.local.processes import Start, dying_with, spawn, stop
from governance.local.supervisor import Service, Supervisor
from governance.local.valkey import Valkey
from governance.local.witness import LocalWitness

# After everything else that wants the processor.
_LAST = ("nice", "-n", "19")

PROJECT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Installation:
    """A state folder, the web's listening socket, the supervisor that holds the processes, their settings."""

    places: Places
    listener: socket.socket
    supervisor: Supervisor
    environment: Mapping[str, str]
    witness: LocalWitness = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "witness", LocalWitness(self.places.witness))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def servers(self) -> None:
        """PostgreSQL and Valkey, unless the environment names others."""
        environment = Environment(self.environment)
        if not environment.text("DATABASE_URL"):
            postgres = Postgres(self.places)
            self.supervisor.add(
                Service(
                    name="PostgreSQL",
                    launch=postgres.start,
                    log=postgres.log,
                    asks=signal.SIGINT,
                    patience=30,
                )
            )
            bootstrap(postgres.connect)
        if not environment.text("CELERY_BROKER_URL"):
            valkey = Valkey(self.places)
            self.supervisor.add(Service(name="Valkey", launch=valkey.start, log=valkey.log))

    def migrate(self) -> None:
        if self.once("migrate", "--no-input", "--verbosity=0") != 0:
            raise LocalRefused("The database could not be brought up to date; the reason stands above.")

    def work(self) -> None:
        """The service's keys, the log's writer, the relay, two lanes of workers."""
        _check_shared_memory()
        introduced = self._witness()
        if self.once("keys", "--verbosity=0", *introduced) != 0:
            raise LocalRefused("The service's signing keys cannot be used; the reason stands above.")
        self._test_authority()
        heavy = max(1, min(4, (os.cpu_count() or 1) - 1))
        self._manage("sequencer", "sequence")
        self._manage("anchorer", "anchor")
        self._manage("relay", "relay")
        self._worker("worker-quick", "quick", 1)
        self._worker("worker-heavy", "heavy,quarantine", heavy)
        if driver():  # a machine without a GPU leaves that lane to others
            self._worker("worker-gpu", "gpu", 1)

    def web(self) -> None:
        command = [
            *(sys.executable, "-m", "gunicorn", "governance.wsgi:application"),
            *("--bind", f"fd://{self.listener.fileno()}", "--chdir", str(PROJECT)),
            *("--workers", "2", "--threads", "4", "--no-control-socket", "--graceful-timeout", "5"),
            *("--log-level", "warning", "--worker-tmp-dir", _memory_folder(self.places)),
        ]
        self._service("web", command, descriptors=(self.listener.fileno(),))

    def once(self, *words: str) -> int:
        """Run one management command, its words for people going to the terminal."""

        def launch() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [sys.executable, str(PROJECT / "manage.py"), *words],
                stdin=subprocess.DEVNULL,
                env=self._settings(),
                cwd=PROJECT,
                preexec_fn=dying_with(os.getpid(), signal.SIGTERM),
            )

        return self.supervisor.run(launch)

    def compile_kernels(self) -> None:
        """Compile the engine's inner loops behind everybody's back: what needs them sooner does without."""
        process = spawn(
            Start(
                command=[*_LAST, sys.executable, "-m", "apps.engine.compile_kernels"],
                log=self.places.logs / "kernels.log",
                environment=self._settings(),
                folder=PROJECT,
            )
        )
        self.supervisor.afterwards(lambda: stop(process, first=signal.SIGTERM, patience=2))

    def _manage(self, name: str, word: str) -> None:
        self._service(name, [sys.executable, str(PROJECT / "manage.py"), word])

    def _witness(self) -> list[str]:
        """A witness of our own where the environment names none; the words that introduce the log to it."""
        if Environment(self.environment).text("COUNTERSIGN_WITNESSES"):
            return []
        listener = self.witness.listen()
        self.supervisor.afterwards(self.witness.close)
        command = [sys.executable, "-m", "witness", "serve", "--folder", str(self.places.witness)]
        command += ["--fd", str(listener.fileno())]
        self._service("witness", command, descriptors=(listener.fileno(),))
        return ["--introduce", str(self.witness.logs)]

    def _test_authority(self) -> None:
        """A time-stamping authority for trying things out, where the environment names no real one."""
        if not Environment(self.environment).text("COUNTERSIGN_TSA_URL"):
            folder = str(self.places.test_authority)
            self._service(
                "test-authority", [sys.executable, "-m", "apps.audit.authority", "--folder", folder]
            )

    def _worker(self, name: str, queues: str, concurrency: int) -> None:
        command = [
            *(
                sys.executable,
                "-m",
                "celery",
                "--app",
                "governance.celery",
                "--workdir",
                str(PROJECT),
                "worker",
            ),
            *("--queues", queues, "--concurrency", str(concurrency), "--hostname", f"{name}@%h"),
            *("--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
        # A cold stop: a run in progress is lost to its lease and taken up again by whoever comes next.
        self._service(name, command, asks=signal.SIGQUIT)

    def _service(
        self,
        name: str,
        command: Sequence[str],
        *,
        asks: signal.Signals = signal.SIGTERM,
        descriptors: tuple[int, ...] = (),
    ) -> None:
        log = self.places.logs / f"{name}.log"
        start = Start(
            command=command,
            environment=self._settings(),
            log=log,
            folder=PROJECT,
            dies_with=asks,
            descriptors=descriptors,
        )
        self.supervisor.add(Service(name=name, launch=partial(spawn, start), log=log, asks=asks))

    def _settings(self) -> Mapping[str, str]:
        return {
            **self.environment,
            **self.witness.setting(),
            "COUNTERSIGN_BASE_URL": Environment(self.environment).text("COUNTERSIGN_BASE_URL", self.address),
            "COUNTERSIGN_STATE": str(self.places.state),
            "DJANGO_SETTINGS_MODULE": "governance.settings",
            "PYTHONUNBUFFERED": "1",
        }


def _memory_folder(places: Places) -> str:
    shared = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat files belong in memory
    return str(shared if os.access(shared, os.W_OK) else places.state)


def _check_shared_memory() -> None:
    """Celery's pool makes semaphores in /dev/shm and fails obscurely without it."""
    make: Callable[[], object]
    try:
        from multiprocessing import Semaphore as make

        make()
    except OSError as error:
        raise LocalRefused(
            "Workers need shared memory, and /dev/shm is missing or closed to this user. "
            "As root: mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm"
        ) from error
