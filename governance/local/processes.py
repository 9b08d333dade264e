"""Starting and stopping children that never outlive the process that started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Account:
    """Who a server runs as: the present user, or an unprivileged one when the present user is root."""

    uid: int
    gid: int

    @property
    def other(self) -> bool:
        return self.uid != os.geteuid()


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How to start one child."""

    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] | None = None
    account: Account | None = None
    folder: Path | None = None
    dies_with: signal.Signals = signal.SIGTERM
    descriptors: tuple[int, ...] = field(default=())


def spawn(start: Start) -> subprocess.Popen[bytes]:
    """Start a child in its own session. The kernel signals it when the starting *thread* ends."""
    start.log.parent.mkdir(parents=True, exist_ok=True)
    other = start.account if start.account and start.account.other else None
    with start.log.open("ab") as log:
        return subprocess.Popen(
            start.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(start.environment) if start.environment is not None else None,
            cwd=start.folder,
            user=other.uid if other else None,
            group=other.gid if other else None,
            extra_groups=[] if other else None,
            pass_fds=start.descriptors,
            preexec_fn=dying_with(os.getpid(), start.dies_with),
        )


def dying_with(parent: int, number: signal.Signals) -> Callable[[], None]:
    """What a child runs between fork and exec: a session of its own, and a signal when *parent* ends.

    The user has been changed by then; changing it later would clear the request.
    """

    def prepare() -> None:
        os.setsid()
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def stop(process: subprocess.Popen[bytes], *, first: signal.Signals, patience: float) -> None:
    """Ask, wait, then end the child and every process left in its session's group."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left in the group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tail(path: Path, lines: int = 8) -> str:
    """The last lines of a log, for a message."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:])


def processes_in(folder: Path) -> list[int]:
    """Processes whose working folder is *folder*: how a server that still lets go of its data is found."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(entry / "cwd")) == folder:
                found.append(int(entry.name))
        except OSError:
            continue  # gone meanwhile, or another user's
    return found
