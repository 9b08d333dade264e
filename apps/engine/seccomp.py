"""A wall around system calls: a filter in the kernel's classic BPF that answers EPERM.

`refuse` is for every process that measures; `refuse_more` is for the one that holds a model file, which
starts no further process either. Filters add up and are handed on to children.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Mapping, Sequence

_NO_NEW_PRIVS, _GET_SECCOMP, _SECCOMP, _FILTER = 38, 21, 22, 2
_ALLOW, _ERRNO, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050000, 1, 38
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE, _FIRST, _SECOND = 0, 4, 16, 24
_NEW_USER, _THREAD = 0x10000000, 0x00010000
_X32 = 0x40000000

# Sockets; other processes (tracing, memory, signals, descriptors, priorities); namespaces, mounts and roots;
# what outlives the process or reaches others of its user (memory and queues by key; rights, owners, times and
# attributes of files, which Landlock leaves alone; watches on folders); kernel surfaces that no measurement
# needs.
_NAMES: Mapping[str, tuple[int, int]] = {
    "socket": (41, 198), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kill": (62, 129), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438), "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432), "mount_setattr": (442, 442),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "bpf": (321, 280), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "userfaultfd": (323, 282), "perf_event_open": (298, 241), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "open_by_handle_at": (304, 265), "personality": (135, 92),
    "setsid": (112, 157), "setpgid": (109, 154), "fspick": (433, 433), "fsconfig": (431, 431),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setattr": (314, 274),
    "sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "migrate_pages": (256, 238),
    "shmget": (29, 194), "shmat": (30, 196), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, -1), "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54),
    "utime": (132, -1), "utimes": (235, -1), "futimesat": (261, -1), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "file_setattr": (469, 469), "inotify_init": (253, -1),
    "inotify_init1": (294, 26), "fanotify_init": (300, 262), "syslog": (103, 116), "modify_ldt": (154, -1),
    "memfd_secret": (447, 447),
}  # fmt: skip
_MORE: Mapping[str, tuple[int, int]] = {
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, -1), "vfork": (58, -1),
    "memfd_create": (319, 279),
}  # fmt: skip
# By one argument: limits and processors of other processes; words typed into a terminal.
_OTHERS: Mapping[str, tuple[int, int]] = {"prlimit64": (302, 261), "sched_setaffinity": (203, 122)}
_TERMINAL, _TYPING = (16, 29), (0x5412, 0x541C)
_MACHINES = {"x86_64": (0, 0xC000003E, 56), "aarch64": (1, 0xC00000B7, 220)}
_CLONE3 = 435

Line = tuple[int, int, int, int]


def refuse() -> str:
    """No sockets, no hold on other processes, no namespaces or mounts; what stands, in words."""
    return _raised(_NAMES, threads_only=False, words="no sockets, tracing, signals, mounts, file attributes")


def refuse_more() -> str:
    """Besides: no new process and no other program; threads stay possible."""
    return _raised(_MORE, threads_only=True, words="no new processes")


def missing() -> str | None:
    """Why there is no such wall here; None where there is."""
    if platform.machine() not in _MACHINES:
        return f"there is no filter for {platform.machine()}"
    libc = ctypes.CDLL(None, use_errno=True)
    there = libc.prctl(_GET_SECCOMP, 0, 0, 0, 0) >= 0
    return None if there else f"seccomp is not there ({os.strerror(ctypes.get_errno())})"


def _raised(names: Mapping[str, tuple[int, int]], *, threads_only: bool, words: str) -> str:
    machine = platform.machine()
    if machine not in _MACHINES:
        return f"none: no filter for {machine}"
    place, architecture, clone = _MACHINES[machine]
    numbers = [pair[place] for pair in names.values() if pair[place] >= 0]
    others = [_on_others(pair[place]) for pair in _OTHERS.values()]
    more = [] if threads_only else [*others, _typing(_TERMINAL[place])]
    filled = program(architecture, numbers, clone=clone, threads_only=threads_only, more=more)
    buffer = ctypes.create_string_buffer(filled, len(filled))
    header = struct.pack("@HxxxxxxP", len(filled) // 8, ctypes.addressof(buffer))
    pointer = ctypes.create_string_buffer(header, len(header))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, pointer, 0, 0):
        return f"none: {os.strerror(ctypes.get_errno())}"
    return words


def program(
    architecture: int,
    numbers: Sequence[int],
    *,
    clone: int,
    threads_only: bool,
    more: Sequence[Sequence[Line]] = (),
) -> bytes:
    """The filter: another architecture, one of the numbers, a new user namespace → EPERM; else allow.

    ``clone3`` keeps its flags in memory, where no filter looks: it is said not to exist, and libraries
    then use ``clone``, whose flags are read.
    """
    wanted: list[Line] = [(_ANY_BIT, 0, 1, _NEW_USER), _refused(_EPERM)]
    if threads_only:
        wanted += [(_ANY_BIT, 1, 0, _THREAD), _refused(_EPERM)]
    code: list[Line] = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, architecture), _refused(_EPERM)]
    code += [(_LOAD, 0, 0, _NUMBER)]
    if architecture == _MACHINES["x86_64"][1]:
        code += [(_AT_LEAST, 0, 1, _X32), _refused(_EPERM)]
    for number in numbers:
        code += [(_EQUAL, 0, 1, number), _refused(_EPERM)]
    code += [line for lines in more for line in lines]
    code += [(_EQUAL, 0, 1, _CLONE3), _refused(_ENOSYS)]
    code += [(_EQUAL, 0, len(wanted) + 1, clone), (_LOAD, 0, 0, _FIRST), *wanted]
    code += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("@HBBI", *line) for line in code)


def _on_others(number: int) -> list[Line]:
    """The call is for the process itself, named 0, and for no other."""
    tested = [(_LOAD, 0, 0, _FIRST), (_EQUAL, 1, 0, 0), _refused(_EPERM), (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(tested), number), *tested]


def _typing(number: int) -> list[Line]:
    """The call puts no words into a terminal."""
    asked = [(_EQUAL, 1, 0, _TYPING[0]), (_EQUAL, 0, 1, _TYPING[1]), _refused(_EPERM)]
    tested = [(_LOAD, 0, 0, _SECOND), *asked, (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(tested), number), *tested]


def _refused(code: int) -> Line:
    return (_RETURN, 0, 0, _ERRNO | code)
