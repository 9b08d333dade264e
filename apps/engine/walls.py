"""The walls around measuring: limits on resources, no network, death with the parent.

Called once, at the start of a child process, before any library that makes threads is imported.
Each wall says whether it stands; what the kernel refuses is reported, not assumed.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
from dataclasses import dataclass
from pathlib import Path

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_PDEATHSIG, _NO_NEW_PRIVS, _SECCOMP, _FILTER = 1, 38, 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EPERM = 1
# socket, ptrace, io_uring_setup, bpf, keyctl, mount, process_vm_readv, process_vm_writev
_DENIED = {
    "x86_64": (0xC000003E, (41, 101, 425, 321, 250, 165, 310, 311)),
    "aarch64": (0xC00000B7, (198, 117, 425, 280, 219, 40, 270, 271)),
}


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


def raise_walls(limits: Limits, *, reserves: bool = False) -> dict[str, str]:
    """Raise every wall that this machine offers, and say which stand.

    Parameters
    ----------
    reserves : bool
        A GPU's driver reserves address space far beyond what it fills: memory is then limited by the data
        that is written, not by addresses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return {
        "network": _no_network(libc),
        "system_calls": _no_sockets(libc),
        **_limited(limits, resource.RLIMIT_DATA if reserves else resource.RLIMIT_AS),
        "environment": "cleared",
    }


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
    number = number if hard == resource.RLIM_INFINITY else min(number, hard)
    try:
        resource.setrlimit(kind, (number, number))
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


def _no_network(libc: ctypes.CDLL) -> str:
    """An own network namespace without any interface up."""
    for flags, how in ((_NEW_NET, "own namespace"), (_NEW_USER | _NEW_NET, "own user and network namespace")):
        if libc.unshare(flags) == 0:
            return how
    return f"none: {os.strerror(ctypes.get_errno())}"


def _no_sockets(libc: ctypes.CDLL) -> str:
    """A seccomp filter that answers EPERM to sockets and to ways into other processes."""
    machine = platform.machine()
    if machine not in _DENIED:
        return f"none: no filter for {machine}"
    architecture, numbers = _DENIED[machine]
    program = _program(architecture, numbers)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    pointer = ctypes.create_string_buffer(header, len(header))
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, pointer, 0, 0):
        return f"none: {os.strerror(ctypes.get_errno())}"
    return "no sockets, tracing, mounts"


def _program(architecture: int, numbers: tuple[int, ...]) -> bytes:
    """Classic BPF: another architecture, or one of the numbers → EPERM; else allow."""
    refuse = len(numbers) + 3
    code = [(0x20, 0, 0, 4), (0x15, 0, refuse, architecture), (0x20, 0, 0, 0)]
    x32 = 0x40000000 if architecture == 0xC000003E else 0xFFFFFFFF
    code.append((0x35, refuse - 2, 0, x32))
    code += [(0x15, len(numbers) - i, 0, number) for i, number in enumerate(numbers)]
    code += [(0x06, 0, 0, _ALLOW), (0x06, 0, 0, _ERRNO | _EPERM)]
    return b"".join(struct.pack("@HBBI", *line) for line in code)
