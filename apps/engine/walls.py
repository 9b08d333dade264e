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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from apps.engine import landlock, seccomp
from apps.engine.landlock import Reach, confine

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_PDEATHSIG, _DROP_BOUND = 1, 24
_NOTICE_S = 5  # between the signal that names the limit and the one that names nothing
_CAPABILITIES, _CAP_VERSION = 41, 0x20080522
_KEPT = 2  # CAP_DAC_READ_SEARCH: root may run this for files of another user
_KEEP_CAPABILITIES, _AMBIENT, _RAISE = 8, 47, 2
_FIRST_USER = 1_879_048_192  # and the process's number: users that no system gives to anybody
_OWN_NETWORK, _OWN_USER = "own namespace", "a user of its own, for reading alone"
_NEEDED = ("files", "system_calls", "memory", "cpu")


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
    scratch_bytes, scratch_files : int
        How much its own folder may hold; looked at each second.
    required : bool
        Whether nothing is measured where this kernel lacks a wall.
    """

    wall_s: int = 900
    cpu_s: int = 1800
    memory: int = 16 << 30
    processes: int = 128
    files: int = 512
    file_bytes: int = 1 << 30
    output_bytes: int = 64 << 20
    scratch_bytes: int = 8 << 30
    scratch_files: int = 20_000
    required: bool = False


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
    threads = _threads_of_user()  # before a namespace of users hides who is who
    network = _no_network(libc)
    privileges = _no_privileges(libc, reach, own_user=network == _OWN_NETWORK and not reach.driver)
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # another user forgets it
    return {
        **_limited(
            limits,
            resource.RLIMIT_DATA if reach.driver else resource.RLIMIT_AS,
            threads=1 if privileges == _OWN_USER else threads,
        ),
        "network": network,
        "privileges": privileges,
        "files": confine(reach),
        "system_calls": seccomp.refuse(),
        "environment": "cleared",
    }


def raise_inner_walls(reach: Reach) -> dict[str, str]:
    """What a process behind these walls raises besides, before it holds a model: `reach`, no children."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return {"model_files": confine(reach), "model_system_calls": seccomp.refuse_more()}


def _limited(limits: Limits, memory: int, *, threads: int) -> dict[str, str]:
    wanted = {
        "memory": (memory, limits.memory),
        "cpu": (resource.RLIMIT_CPU, limits.cpu_s),
        "open_files": (resource.RLIMIT_NOFILE, limits.files),
        "file_size": (resource.RLIMIT_FSIZE, limits.file_bytes),
        "core": (resource.RLIMIT_CORE, 0),
        "processes": (resource.RLIMIT_NPROC, threads + limits.processes),
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


def _no_privileges(libc: ctypes.CDLL, reach: Reach, *, own_user: bool) -> str:
    """Give up root's privileges but the one to read files, which the wall around files then narrows."""
    if os.geteuid() != 0:
        return "an ordinary user's"
    for capability in range(_CAPABILITIES):
        if capability != _KEPT:
            libc.prctl(_DROP_BOUND, capability, 0, 0, 0)
    own = own_user and _become_own_user(libc, reach)
    header = struct.pack("=Ii", _CAP_VERSION, 0)
    held = struct.pack("=6I", 1 << _KEPT, 1 << _KEPT, 1 << _KEPT, 0, 0, 0)
    if libc.capset(header, held):
        return f"root's: {os.strerror(ctypes.get_errno())}"
    if own:
        libc.prctl(_AMBIENT, _RAISE, _KEPT, 0, 0)  # for the process that holds a model
    return _OWN_USER if own else "root's, for reading alone"


def _become_own_user(libc: ctypes.CDLL, reach: Reach) -> bool:
    """Become a user that nobody else is: it owns its folders and nothing besides, and limits hold it."""
    user = _FIRST_USER + os.getpid()
    try:
        for place in reach.writes:
            os.chown(place, user, user)
        libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError:
        return False
    return True


def _no_network(libc: ctypes.CDLL) -> str:
    """An own network namespace without any interface up."""
    for flags, how in ((_NEW_NET, _OWN_NETWORK), (_NEW_USER | _NEW_NET, "own user and network namespace")):
        if libc.unshare(flags) == 0:
            return how
    return f"none: {os.strerror(ctypes.get_errno())}"


def missing_walls(walls: Mapping[str, str]) -> list[str]:
    """The walls that do not stand, of those without which nobody's model is held: name and why.

    Examples
    --------
    >>> missing_walls({"files": "none: Function not implemented", "memory": "1024", "network": "none: no"})
    ['files: Function not implemented']
    """
    return [
        f"{name}: {words.removeprefix('none').lstrip(': ') or 'it was not raised'}"
        for name in _NEEDED
        if name in walls and (words := walls[name]).startswith("none")
    ]


def overfull(folder: Path, limits: Limits) -> str | None:
    """Which limit a folder has passed, in words; None while it is within both.

    Examples
    --------
    >>> overfull(Path("/nonexistent"), Limits())
    """
    size = count = 0
    for where, folders, files in os.walk(folder):
        count += len(folders) + len(files)
        size += sum(_size(Path(where) / name) for name in files)
        if count > limits.scratch_files:
            return f"It made more than {limits.scratch_files:,} files"
        if size > limits.scratch_bytes:
            return f"It wrote more than {limits.scratch_bytes:,} bytes"
    return None


def _size(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except OSError:
        return 0


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
