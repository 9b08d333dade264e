"""A wall around files: after `confine`, this process and its children reach the named places and no others.

Linux's Landlock needs no rights, no namespaces and no helper program, and holds against root as well.
It also keeps a process from tracing, and (from its sixth version on) from signalling, any process outside.

References
----------
Linux kernel, Documentation/userspace-api/landlock.rst.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_NO_NEW_PRIVS, _VERSION, _BENEATH = 38, 1, 1
_EXECUTE, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_NO_FILES = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12  # devices, sockets, pipes by name, links
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_KNOWN = {1: (1 << 13) - 1, 2: _REFER, 3: _TRUNCATE, 5: _IOCTL}
_TCP, _SCOPES = 0b11, 0b11
_OF_A_FILE = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL

_SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/zero")
# Of other processes, /proc gives a confined one no memory, environment or open files: it may not trace them.
_MACHINE = ("/dev/urandom", "/dev/random", "/proc", "/sys/devices/system", "/sys/fs/cgroup")
_OF_A_DRIVER = ("/sys", "/etc", "/run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a process may still reach.

    Parameters
    ----------
    reads, writes : tuple of Path
        Files, or folders with all below them, beside the program's own code and libraries.
    driver : bool
        Whether a GPU's driver is needed: its devices and what it reads of the system.
    """

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = field(default=())
    driver: bool = False


def confine(reach: Reach) -> str:
    """Shut this process in; what stands, or why nothing does, in words.

    Parameters
    ----------
    reach : Reach
        A place that does not exist is left out.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = _version(libc)
    if version < 1:
        return f"none: {os.strerror(ctypes.get_errno())}"
    handled = sum(bits for since, bits in _KNOWN.items() if since <= version)
    ruleset = _ruleset(libc, version, handled)
    if ruleset < 0:
        return f"none: {os.strerror(ctypes.get_errno())}"
    try:
        for place, rights in _rules(reach):
            _allow(libc, ruleset, place, rights & handled)
        if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_RESTRICT, ruleset, ctypes.c_uint32(0)):
            return f"none: {os.strerror(ctypes.get_errno())}"
    finally:
        os.close(ruleset)
    return "own code and the files of the task" + (", no signals beyond" if version >= 6 else "")


def missing() -> str | None:
    """Why this kernel has no such wall; None where it has."""
    version = _version(ctypes.CDLL(None, use_errno=True))
    return None if version >= 1 else f"Landlock is not there ({os.strerror(ctypes.get_errno())})"


def _version(libc: ctypes.CDLL) -> int:
    return int(libc.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION)))


def _ruleset(libc: ctypes.CDLL, version: int, handled: int) -> int:
    attributes = struct.pack("=Q", handled)
    if version >= 4:
        attributes += struct.pack("=Q", _TCP)
    if version >= 6:
        attributes += struct.pack("=Q", _SCOPES)
    return int(libc.syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)))


def _rules(reach: Reach) -> Iterator[tuple[Path, int]]:
    look = _READ | _LIST
    for place in (*map(Path, _SYSTEM), *_code()):
        yield place, look | _EXECUTE
    yield Path("/dev/null"), _WRITE
    yield Path(__file__).parents[2], _LIST  # a further process of ours looks for the package here
    for place in (*map(Path, _MACHINE), *reach.reads):
        yield place, look
    for place in reach.writes:
        # Files and folders alone: whoever reads them afterwards waits for no pipe and follows no link.
        yield place, ~(_EXECUTE | _NO_FILES) & ((1 << 16) - 1)
    if reach.driver:
        yield Path("/dev"), look | _WRITE | _IOCTL
        for name in _OF_A_DRIVER:
            yield Path(name), look


def _code() -> Iterable[Path]:
    """The interpreter, its packages, this package, and the folders in which libraries are looked for."""
    root = Path(__file__).parents[2]
    folders = [
        Path(entry) for entry in (*sys.path, *os.environ.get("LD_LIBRARY_PATH", "").split(":")) if entry
    ]
    return [
        root / "apps",
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(sys.exec_prefix),
        *(folder for folder in folders if folder.absolute() not in (root, Path.cwd())),
    ]


def _allow(libc: ctypes.CDLL, ruleset: int, place: Path, rights: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
        try:
            kept = rights if Path(f"/proc/self/fd/{opened}").is_dir() else rights & _OF_A_FILE
            rule = struct.pack("=Qi", kept, opened)
            libc.syscall(_ADD, ruleset, ctypes.c_int(_BENEATH), rule, ctypes.c_uint32(0))
        finally:
            os.close(opened)
