"""Measure in a child process: its own limits, no network, no environment, killed as a group.

`in_child` is the whole boundary. A task goes in as JSON on standard input; progress and one answer come
back as lines of JSON on a pipe of their own, so that whatever a library prints is no answer. A child that
crashes, hangs, floods the pipe or answers nonsense gives an error value, never a number.

==================== ===========================================================================
task["do"]           answer
==================== ===========================================================================
``inspect``          digests, rows and columns: what registration pins
``look``             each data set's columns, values and groups, and what seems wrong with them
``measure``          ``check dataset reference arguments seed`` → a measurement
``gates``            ``gates: [{id check dataset reference arguments}]``, ``seed`` → measurements by id
``summarise``        ``dataset parts every gates out``: some parts, summed up into the file ``out`` → its
                     digest, its size, and which parts and how many rows it is of
``about``            ``summaries: [file]``: of what the one file is
``merged``           ``summaries: [file]``, ``gates``, ``seed`` → as ``gates``, without the data files; and
                     ``rows``, the gates that asked for more than summaries
==================== ===========================================================================

Every task names its ``manifest`` (a path), and may hand in ``files`` (manifest path → real path), the
``device`` that array work may use, and ``way_out``: two descriptors that lead to whoever asks a service.
A device changes no exact number and is no part of a result: the answer names it beside, as it does
``walls`` and ``usage``.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from apps.engine.endings import at_step, of_signal, stopped
from apps.engine.walls import Limits, overfull

__all__ = ["Limits", "in_child"]

ROOT = Path(__file__).resolve().parents[2]
COMMAND: tuple[str, ...] = (sys.executable, "-s", "-P", "-m", "apps.engine.inside")
Progress = Callable[[Mapping[str, Any]], None]
_TICK_S = 1.0
_LONGEST_STEP = 400


def in_child(
    task: Mapping[str, Any],
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
    tick: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Do one task in a child process.

    Parameters
    ----------
    task : mapping
        Plain JSON values; see the module's table.
    limits : Limits, optional
        What the child may use.
    progress : callable, optional
        Called with ``{"done": n, "of": m, "gate": id}`` before each gate.
    tick : callable, optional
        Called about once a second while the child works; if it raises, the child is killed.

    Returns
    -------
    dict
        ``{"status": "done", "result": …}``, or ``{"status": "error", "kind": …, "reason": …}``, both with
        ``walls`` (which stood) and ``usage`` (``cpu_seconds``, ``peak_memory_bytes`` of the child); a result
        also with ``device`` (``"cpu"``, or the name of the GPU that was used). The
        kind is ``bad_input``, ``resource``, ``timeout``, ``crashed``, ``garbage`` or ``internal``.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="countersign-") as scratch:
        return _Parent(limits, progress, tick).run(dict(task), scratch)


class _Parent:
    """The parent's side of one child."""

    def __init__(self, limits: Limits, progress: Progress | None, tick: Callable[[], None] | None) -> None:
        self._limits = limits
        self._progress = progress or (lambda _: None)
        self._tick = tick or (lambda: None)
        self._answer: dict[str, Any] | None = None
        self._walls: dict[str, str] = {}
        self._step = ""
        self._scratch, self._look_at = Path(), 0.0

    def run(self, task: dict[str, Any], scratch: str) -> dict[str, Any]:
        self._scratch = Path(scratch)
        reading, writing = os.pipe()
        message = json.dumps({"task": task, "limits": asdict(self._limits), "pipe": writing}, allow_nan=False)
        child = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writing, *task.get("way_out", ())),
            start_new_session=True,
            cwd=scratch,
            env=_environment(scratch),
        )
        os.close(writing)
        try:
            with contextlib.suppress(BrokenPipeError):
                _hand_in(child, message.encode())
            failed = self._listen(reading)
        except BaseException:
            _kill_group(child)
            raise
        finally:
            os.close(reading)
        code, usage = _kill_group(child, patience=0.0 if failed or self._answer else 2.0)
        answer = failed or self._concluded(code)
        return {**at_step(self._step, answer), "walls": self._walls, "usage": usage}

    def _listen(self, reading: int) -> dict[str, Any] | None:
        """Read lines until the pipe closes; an error value where a limit of ours is passed first."""
        deadline, seen, rest = time.monotonic() + self._limits.wall_s, 0, b""
        for chunk in _chunks(reading):
            seen += len(chunk)
            if seen > self._limits.output_bytes:
                return stopped("resource", "It gave a longer answer than allowed")
            *lines, rest = (rest + chunk).split(b"\n")
            if not all(self._take(line) for line in lines):
                return stopped("garbage", "Its answer could not be read")
            if self._answer is not None:
                return None
            if time.monotonic() > deadline:
                return stopped("timeout", f"It took longer than {self._limits.wall_s} seconds")
            if (full := self._overfull()) is not None:
                return stopped("resource", full)
            self._tick()
        return None

    def _overfull(self) -> str | None:
        """Why the folder of the child holds too much, if it does; looked at each second."""
        if time.monotonic() < self._look_at:
            return None
        found = overfull(self._scratch, self._limits)
        self._look_at = time.monotonic() + _TICK_S
        return found

    def _take(self, line: bytes) -> bool:
        """Take in one line; False where it is none of ours."""
        try:
            found = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return False
        if not isinstance(found, dict) or len(found) != 1:
            return False
        if isinstance(found.get("progress"), dict):
            self._progress(found["progress"])
        elif isinstance(found.get("step"), str):
            self._step = found["step"][:_LONGEST_STEP]
        elif isinstance(found.get("walls"), dict) and not self._walls:
            self._walls = {str(k): str(v) for k, v in found["walls"].items()}
        elif isinstance(found.get("answer"), dict) and self._answer is None:
            self._answer = found["answer"]
        else:
            return False
        return True

    def _concluded(self, code: int | None) -> dict[str, Any]:
        if self._answer is not None and self._answer.get("status") in ("done", "error"):
            return self._answer
        if code is None:
            return stopped("crashed", "It went silent without an answer")
        if code < 0:
            return stopped(*of_signal(signal.Signals(-code)))
        return stopped("crashed", f"It ended without an answer (exit code {code})")


def _environment(scratch: str) -> dict[str, str]:
    """Nothing of the parent's but where libraries lie (libgomp in a private folder) and which GPU is its."""
    kept = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
    return {name: os.environ[name] for name in kept if os.environ.get(name)} | {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": scratch,
        "TMPDIR": scratch,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "2",  # memory is limited by address space, which arenas reserve without using
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _hand_in(child: subprocess.Popen[bytes], message: bytes) -> None:
    if child.stdin is not None:
        with child.stdin as stdin:
            stdin.write(message)


def _chunks(reading: int) -> Iterator[bytes]:
    """What comes through the pipe, and an empty chunk after each second without."""
    os.set_blocking(reading, False)
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        while True:
            if not selector.select(_TICK_S):
                yield b""
                continue
            chunk = os.read(reading, 1 << 16)
            if not chunk:
                return
            yield chunk


def _kill_group(
    child: subprocess.Popen[bytes], *, patience: float = 0.0
) -> tuple[int | None, dict[str, float]]:
    """End the child and everything that it started.

    Its own exit code, None where it had to be killed; and what the system says that it used.
    """
    ended = _ends_within(child.pid, patience)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    usage = {
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 6),
        "peak_memory_bytes": used.ru_maxrss * 1024,
    }
    return (child.returncode if ended else None), usage


def _ends_within(pid: int, seconds: float) -> bool:
    """Whether the child ends by itself in time; it stays to be waited for."""
    deadline = time.monotonic() + seconds
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")
