"""The walls around measuring: limits on resources, no network, death with the parent.

Called once, at the start of a child process, before any library that makes threads is imported.
Each wall says whether it stands; what the kernel refuses is reported, not assumed.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from dataclasses import dataclass
from pathlib import Path

from apps.engine import landlock, seccomp
from apps.engine.landlock import Reach, confine

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_PDEATHSIG, _DROP_BOUND = 1, 24
_NOTICE_S = 5  # between the signal that names the limit and the one that names nothing
_CAPABILITIES, _CAP_VERSION = 41, 0x20080522
_KEPT_CAPABILITY = 1 << 2  # CAP_DAC_READ_SEARCH: root may run this for files of another user


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a child may use.

    Parameters
    ----------
    wall_s, cpu_s : int
        Seconds on the clock, and of processor time.
    memory : int
        Bytes of address space.
    processes : int
        Threads and processes beside those that the user already has.
    file_bytes, output_bytes : int
        The largest file it may write, and the largest answer it may give.
    """

    wall_s: int = 900
    cpu_s: int = 1800
    memory: int = 16 << 30
    processes: int = 128
    files: int = 512
    file_bytes: int = 1 << 30
    output_bytes: int = 64 << 20


def raise_walls(limits: Limits, reach: Reach | None = None) -> dict[str, str]:
    """Raise every wall that this machine offers, and say which stand.

    Parameters
    ----------
    limits : Limits
        A GPU's driver reserves address space far beyond what it fills: with one, memory is limited by the
        data that is written, not by addresses.
    reach : Reach, optional
        What it may read and write beside its own code; by default nothing.
    """
    reach = reach or Reach()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return {
        **_limited(limits, resource.RLIMIT_DATA if reach.driver else resource.RLIMIT_AS),
        "network": _no_network(libc),
        "privileges": _no_privileges(libc),
        "files": confine(reach),
        "system_calls": seccomp.refuse(),
        "environment": "cleared",
    }


def raise_inner_walls(reach: Reach) -> dict[str, str]:
    """What a process behind these walls raises besides, before it holds a model: `reach`, no children."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return {"model_files": confine(reach), "model_system_calls": seccomp.refuse_more()}


def _limited(limits: Limits, memory: int) -> dict[str, str]:
    wanted = {
        "memory": (memory, limits.memory),
        "cpu": (resource.RLIMIT_CPU, limits.cpu_s),
        "open_files": (resource.RLIMIT_NOFILE, limits.files),
        "file_size": (resource.RLIMIT_FSIZE, limits.file_bytes),
        "core": (resource.RLIMIT_CORE, 0),
        "processes": (resource.RLIMIT_NPROC, _threads_of_user() + limits.processes),
    }
    return {name: _limit(kind, number) for name, (kind, number) in wanted.items()}


def _limit(kind: int, number: int) -> str:
    hard = resource.getrlimit(kind)[1]
    most = number + (_NOTICE_S if kind == resource.RLIMIT_CPU else 0)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    number = min(number, most)
    try:
        resource.setrlimit(kind, (number, most))
    except (OSError, ValueError) as problem:
        return f"none: {problem}"
    if kind == resource.RLIMIT_NPROC and os.geteuid() == 0:
        return "none: the kernel does not hold it against root"
    return str(number)


def _threads_of_user() -> int:
    """Threads that this user runs now: the kernel counts them all against the limit."""
    total, user = 0, os.getuid()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == user:
                    total += len(list((entry / "task").iterdir()))
            except OSError:
                continue
    return total


def _no_privileges(libc: ctypes.CDLL) -> str:
    """Give up root's privileges but the one to read files, which the wall around files then narrows."""
    if os.geteuid() != 0:
        return "an ordinary user's"
    for capability in range(_CAPABILITIES):
        if 1 << capability != _KEPT_CAPABILITY:
            libc.prctl(_DROP_BOUND, capability, 0, 0, 0)
    header = struct.pack("=Ii", _CAP_VERSION, 0)
    held = struct.pack("=6I", _KEPT_CAPABILITY, _KEPT_CAPABILITY, 0, 0, 0, 0)
    if libc.capset(header, held):
        return f"root's: {os.strerror(ctypes.get_errno())}"
    return "root's, for reading alone"


def _no_network(libc: ctypes.CDLL) -> str:
    """An own network namespace without any interface up."""
    for flags, how in ((_NEW_NET, "own namespace"), (_NEW_USER | _NEW_NET, "own user and network namespace")):
        if libc.unshare(flags) == 0:
            return how
    return f"none: {os.strerror(ctypes.get_errno())}"


def lacking() -> list[str]:
    """What this machine's kernel does not offer of the walls, in sentences.

    Examples
    --------
    >>> all(sentence.endswith(".") for sentence in lacking())
    True
    """
    found = []
    if (why := landlock.missing()) is not None:
        found.append(f"Files are not narrowed around what measures a model: {why}.")
    if (why := seccomp.missing()) is not None:
        found.append(f"System calls are not narrowed around what measures a model: {why}.")
    return found
