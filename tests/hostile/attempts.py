"""What somebody who took over a process that measures would try; run behind its walls, never outside.

Started in the place of `apps.engine.inside`: it raises the walls as that does, tries each attempt of a list
and answers with what became of it. With ``inner`` the walls of a process that holds a model stand besides.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from functools import partial
from pathlib import Path

from apps.engine.landlock import Reach
from apps.engine.walls import Limits, raise_inner_walls, raise_walls

LIBC = ctypes.CDLL(None, use_errno=True)
VICTIM = Path(__file__).with_name("conftest.py")
PARENT = os.getppid()


def call(number: int, *words: object) -> None:
    """A system call by its number; OSError where it is refused."""
    if LIBC.syscall(ctypes.c_long(number), *words) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def libc(name: str, *words: object) -> None:
    """A function of the C library; OSError where it fails."""
    if getattr(LIBC, name)(*words) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def at(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(64)


def any_of_the_parents_files() -> list[str]:
    """Their numbers may be known; none opens."""
    opened = []
    for number in range(99):
        try:
            at(f"/proc/{PARENT}/fd/{number}")
        except OSError as refused:
            last = refused
        else:
            opened.append(str(number))
    if not opened:
        raise last
    return opened


def through_a_link() -> None:
    Path("link").symlink_to("/etc/passwd")
    at("link")


def hard_link() -> None:
    Path("other").hardlink_to("/etc/passwd")
    at("other")


def abstract() -> None:
    socket.socket(socket.AF_UNIX).connect("\0countersign-test")


def flood_of_signals() -> None:
    os.kill(-1, 9)


def thread_of_another_priority() -> None:
    os.sched_setscheduler(PARENT, os.SCHED_BATCH, os.sched_param(0))


def other_limits() -> None:
    import resource

    resource.prlimit(PARENT, resource.RLIMIT_NOFILE, (0, 0))


def typed_into_a_terminal() -> None:
    import fcntl
    import pty

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, 0x5412, b"x")
    os.close(ours)


# Numbers of system calls are those of x86_64; elsewhere these attempts are left out.
CALLS = {
    "ptrace": (101, 16, PARENT, 0, 0),
    "io_uring": (425, 8, ctypes.create_string_buffer(120)),
    "bpf": (321, 0, ctypes.create_string_buffer(72), 72),
    "keys": (250, 0, -3, 1),
    "a new key": (248, b"user", b"countersign", b"x", 1, -3),
    "userfaultfd": (323, 0),
    "perf": (298, ctypes.create_string_buffer(112), 0, -1, -1, 0),
    "kexec": (246, 0, 0, 0, 0),
    "process memory": (310, PARENT, 0, 0, 0, 0, 0),
    "open by handle": (304, -100, ctypes.create_string_buffer(128), 0),
    "a new mount interface": (430, b"tmpfs", 0),
    "an open tree": (428, -100, b"/", 0),
    "personality": (135, 0x0040000),
    "memory by key": (29, 0x7E57, 4096, 0o1600),
    "a semaphore by key": (64, 0x7E57, 1, 0o1600),
    "a queue by key": (68, 0x7E57, 0o1600),
    "a message queue": (240, b"countersign", 0o102, 0o600, 0),
    "a descriptor of another": (438, 3, 0, 0),
    "the kernel's log": (103, 3, ctypes.create_string_buffer(64), 64),
    "watches": (294, 0),
    "watches on all": (300, 0, 0),
    "a module": (313, 0, b"", 0),
    "another's processors": (203, PARENT, 8, ctypes.create_string_buffer(b"\1", 8)),
    "input and output priority": (251, 1, PARENT, 3 << 13),
    "a process by clone3": (435, ctypes.create_string_buffer(88), 88),
    "old 32-bit numbers": (0x40000000 + 41, 1, 1, 0),
}
ATTEMPTS = {
    "passwords": lambda: at("/etc/passwd"),
    "shadow": lambda: at("/etc/shadow"),
    "a key beside the program": lambda: at(str(Path(__file__).parents[2] / "pyproject.toml")),
    "what lies in /tmp": lambda: os.listdir("/tmp"),
    "what lies in /": lambda: os.listdir("/"),
    "homes": lambda: os.listdir("/root"),
    "through a link": through_a_link,
    "by a hard link": hard_link,
    "a pipe by name": lambda: os.mkfifo("pipe"),
    "a link": lambda: os.symlink("/etc/passwd", "out"),
    "a socket's name": lambda: os.mknod("name", 0o140600),
    "the parent's environment": lambda: at(f"/proc/{PARENT}/environ"),
    "the parent's memory": lambda: at(f"/proc/{PARENT}/mem"),
    "the parent's files": lambda: os.readlink(f"/proc/{PARENT}/fd/0"),
    "what the parent has open": any_of_the_parents_files,
    "the parent's folder": lambda: os.listdir(f"/proc/{PARENT}/cwd/"),
    "the first process": lambda: at("/proc/1/environ"),
    "the kernel's memory": lambda: at("/proc/kcore"),
    "the disk": lambda: at("/dev/vda"),
    "a terminal": lambda: at("/dev/tty"),
    "typing into a terminal": typed_into_a_terminal,
    "shared memory": lambda: Path("/dev/shm/countersign-test").write_bytes(b"x"),
    "a file in /tmp": lambda: Path("/tmp/countersign-left-behind").write_bytes(b"x"),
    "own code": lambda: VICTIM.open("ab"),
    "a file emptied": lambda: os.truncate(VICTIM, 0),
    "a file renamed": lambda: os.rename(VICTIM, f"{VICTIM}.gone"),
    "a file removed": lambda: os.unlink(VICTIM),
    "rights": lambda: os.chmod(VICTIM, 0),
    "rights of a folder": lambda: os.chmod(VICTIM.parent, 0),
    "an owner": lambda: os.chown(VICTIM, 12345, 12345),
    "times": lambda: os.utime(VICTIM, (0, 0)),
    "attributes": lambda: os.setxattr(VICTIM, "user.countersign", b"x"),
    "a cgroup": lambda: Path("/sys/fs/cgroup/countersign-test").mkdir(),
    "a setting of the kernel": lambda: Path("/proc/sys/kernel/hostname").write_text("x"),
    "tcp": lambda: socket.create_connection(("127.0.0.1", 22), 1),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 53)),
    "tcp over IPv6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM),
    "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "unix": lambda: socket.socket(socket.AF_UNIX).connect("/run/x"),
    "abstract": abstract,
    "a signal to the parent": lambda: os.kill(PARENT, 0),
    "a signal to all": flood_of_signals,
    "a group of its own": os.setsid,
    "another group": lambda: os.setpgid(0, 0),
    "another's priority": lambda: os.setpriority(os.PRIO_PROCESS, PARENT, 19),
    "another's scheduling": thread_of_another_priority,
    "another's limits": other_limits,
    "a user namespace": lambda: libc("unshare", 0x10000000),
    "a mount namespace": lambda: libc("unshare", 0x00020000),
    "a namespace of another": lambda: libc("setns", 0, 0),
    "a mount": lambda: libc("mount", b"none", b"/mnt", b"tmpfs", 0, None),
    "another root": lambda: libc("chroot", b"/"),
    "root again": lambda: os.setuid(0),
    **{name: partial(call, *words) for name, words in CALLS.items()},
}
INNER = {
    "a process": os.fork,
    "a program": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
    "memory in a file": lambda: os.memfd_create("x"),
    "labels": lambda: at("../holdout.csv"),
}


def tried(name: str) -> str:
    """What became of an attempt: "refused", or how it got through."""
    try:
        found = {**ATTEMPTS, **INNER}[name]()
    except (OSError, PermissionError) as refused:
        return f"refused: {refused.strerror}"
    return f"got through: {found!r}"[:200]


def main() -> None:
    """Read the task, raise the walls, try, answer."""
    given = json.load(sys.stdin)
    task, pipe = given["task"], os.fdopen(given["pipe"], "w")
    walls = raise_walls(Limits(**given["limits"]), Reach(writes=(Path.cwd(),)))
    if task["inner"]:
        walls |= raise_inner_walls(Reach(writes=(Path.cwd(),)))
    pipe.write(json.dumps({"walls": walls}) + "\n")
    found = {name: tried(name) for name in task["tries"]}
    if "run" in task:
        exec(task["run"], {"pipe": pipe})  # noqa: S102 - what an attacker would do
    pipe.write(json.dumps({"answer": {"status": "done", "result": found}}) + "\n")
    pipe.flush()


if __name__ == "__main__":
    main()
