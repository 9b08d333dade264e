"""Measure in a child process: its own limits, no network, no environment, killed as a group.

`in_child` is the whole boundary. A task goes in as JSON on standard input; progress and one answer come
back as lines of JSON on a pipe of their own, so that whatever a library prints is no answer. A child that
crashes, hangs, floods the pipe or answers nonsense gives an error value, never a number.

==================== ===========================================================================
task["do"]           answer
==================== ===========================================================================
``inspect``          digests, rows and columns: what registration pins
``measure``          ``check dataset reference arguments seed`` → a measurement
``gates``            ``gates: [{id check dataset reference arguments}]``, ``seed`` → measurements by id
``summarise``        ``dataset parts gates out``: some parts, summed up into the file ``out`` → its digest
``merged``           ``summaries: [file]``, ``gates``, ``seed`` → as ``gates``, without the data files
==================== ===========================================================================

Every task names its ``manifest`` (a path), and may hand in ``files`` (manifest path → real path), the
``device`` that array work may use, and ``way_out``: two descriptors that lead to whoever asks a service.
A device changes no exact number and is no part of a result: the answer names it beside, as it does
``walls`` and ``usage``.
"""

from __future__ import annotations

import contextlib
import hashlib
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
from typing import Any, cast

from apps.engine.errors import BadInput, Problem
from apps.engine.landlock import Reach
from apps.engine.process import Ended, claim
from apps.engine.resources import DEVICES, Device, driver, used_device, using
from apps.engine.walls import Limits, raise_walls

__all__ = ["Limits", "in_child"]

ROOT = Path(__file__).resolve().parents[2]
COMMAND: tuple[str, ...] = (sys.executable, "-s", "-P", "-m", "apps.engine.child")
Progress = Callable[[Mapping[str, Any]], None]
_TICK_S = 1.0
_STOPPED = "Measuring stopped"
_LONGEST_STEP = 400
_SIGNALS = {
    signal.SIGPROF: ("timeout", "It did not end"),
    signal.SIGXCPU: ("resource", "It used more processor time than allowed"),
    signal.SIGXFSZ: ("resource", "It wrote a larger file than allowed"),
    signal.SIGKILL: ("resource", "It was killed, most likely for want of memory"),
}


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

    def run(self, task: dict[str, Any], scratch: str) -> dict[str, Any]:
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
        return {**_while(self._step, answer), "walls": self._walls, "usage": usage}

    def _listen(self, reading: int) -> dict[str, Any] | None:
        """Read lines until the pipe closes; an error value where a limit of ours is passed first."""
        deadline, seen, rest = time.monotonic() + self._limits.wall_s, 0, b""
        for chunk in _chunks(reading):
            seen += len(chunk)
            if seen > self._limits.output_bytes:
                return _error("resource", "It gave a longer answer than allowed")
            *lines, rest = (rest + chunk).split(b"\n")
            if not all(self._take(line) for line in lines):
                return _error("garbage", "Its answer could not be read")
            if self._answer is not None:
                return None
            if time.monotonic() > deadline:
                return _error("timeout", f"It took longer than {self._limits.wall_s} seconds")
            self._tick()
        return None

    def _take(self, line: bytes) -> bool:
        """Take in one line; False where it is none of ours."""
        try:
            found = json.loads(line, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return False
        if not isinstance(found, dict) or len(found) != 1:
            return False
        if "progress" in found:
            self._progress(found["progress"])
        elif isinstance(found.get("step"), str):
            self._step = found["step"][:_LONGEST_STEP]
        elif "walls" in found:
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
            return _error("crashed", "It went silent without an answer")
        if code < 0:
            return _error(*_of_signal(signal.Signals(-code)))
        return _error("crashed", f"It ended without an answer (exit code {code})")


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


def _of_signal(sign: signal.Signals | None) -> tuple[str, str]:
    """What it means that a process ended by a signal, or by itself."""
    if sign is None:
        return "crashed", "It ended without an answer"
    return _SIGNALS.get(sign, ("crashed", f"It crashed ({sign.name})"))


def _while(step: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, and where the child went down, what it was doing then."""
    reason = str(answer.get("reason"))
    if not step or not reason.startswith(_STOPPED):
        return answer
    return {**answer, "reason": reason.replace(_STOPPED, f"{_STOPPED} while {step}", 1)}


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _error(kind: str, sentence: str) -> dict[str, Any]:
    return {
        "status": "error",
        "kind": kind,
        "reason": f"{_STOPPED}: {sentence[0].lower()}{sentence[1:]}.",
    }


# The child's side -----------------------------------------------------------------------------------


def main() -> None:
    """Read the task, raise the walls, answer."""
    given = json.loads(sys.stdin.buffer.read())
    with os.fdopen(given["pipe"], "w", encoding="utf-8") as pipe:

        def say(key: str, value: Mapping[str, Any] | str) -> None:
            pipe.write(json.dumps({key: value}, allow_nan=False) + "\n")
            pipe.flush()

        claim(lambda what: say("step", what), apart=True)
        if "way_out" in given["task"]:
            _hold_way_out(*given["task"]["way_out"])
        say("walls", raise_walls(Limits(**given["limits"]), _reach(given["task"])))
        answer = _answer(given["task"], lambda step: say("progress", step))
        _close_models()
        say("answer", answer)


def _hold_way_out(reading: int, writing: int) -> None:
    """Keep what leads to the process that may ask a service, for the model that needs it."""
    from apps.engine.apart.relay import hold

    hold(reading, writing)


def _close_models() -> None:
    """End the processes that hold models, where there are any."""
    client = sys.modules.get("apps.engine.apart.client")
    if client is not None:
        client.close_models()


def _reach(task: Mapping[str, Any]) -> Reach:
    """The files that a task names: its manifest's folder and data, summaries, the file it writes."""
    manifest = Path(task.get("manifest", "model.yaml"))
    manifest = manifest / "model.yaml" if manifest.is_dir() else manifest
    reads = [manifest.parent, *map(Path, task.get("summaries", ()))]
    if task.get("files") is not None:
        reads += [Path(file) for file in task["files"].values()]
    else:
        reads += _named(manifest)
    writes = [Path.cwd()] + ([Path(task["out"]).parent] if "out" in task else [])
    return Reach(reads=tuple(reads), writes=tuple(writes), driver=task.get("device") != "cpu" and driver())


def _named(manifest: Path) -> list[Path]:
    """Where a manifest's files lie, for they may lie anywhere; none where it cannot be read."""
    from apps.engine.manifest import read_manifest
    from apps.engine.places import places

    try:
        return places(read_manifest(manifest.read_bytes(), name=manifest.name), manifest.parent)
    except (Problem, OSError):
        return []


def _answer(task: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    try:
        with using(device=_device(task)):
            _present(_device(task))
            result = _TASKS[task["do"]](task, progress)
            return {"status": "done", "result": result, "device": used_device()}
    except Problem as problem:
        return {"status": "error", "kind": "bad_input", "reason": str(problem)}
    except MemoryError:
        return _error("resource", "It needed more memory than allowed")
    except Ended as ended:
        return _while(ended.work, _error(*_of_signal(ended.signal)))
    except Exception as problem:
        what = f"{type(problem).__name__}: {problem}".splitlines()[0][:300]
        return {"status": "error", "kind": "internal", "reason": f"{_STOPPED}: {what}."}


def _device(task: Mapping[str, Any]) -> Device:
    asked = task.get("device") or "auto"
    if asked not in DEVICES:
        raise BadInput(f'The device is "{asked}"; {", ".join(DEVICES[:-1])} or {DEVICES[-1]} was expected.')
    return cast(Device, asked)


def _present(device: Device) -> None:
    """Refuse at once a GPU that is asked for and not there."""
    if device == "cuda":
        from apps.engine.device import arrays

        arrays()


def _loaded(task: Mapping[str, Any]) -> Any:
    from apps.engine.subject import load

    files = task.get("files")
    subject = load(task["manifest"], files=None if files is None else {k: Path(v) for k, v in files.items()})
    subject.prepare()
    return subject


def _inspect(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.evaluate import subject_json

    subject = _loaded(task)
    if subject.artifact is not None:
        subject.model.features  # noqa: B018 - loading it is the inspection
    return {
        **subject_json(subject),
        "columns": {name: list(data.columns) for name, data in subject.datasets.items()},
        "features": list(subject.model.features) if subject.model else list(subject.manifest.features or ()),
    }


def _measure(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.measure import measure

    given = {name: task[name] for name in ("dataset", "reference", "arguments", "seed") if task.get(name)}
    return measure(task["check"], _loaded(task), **given).as_json()


def _gates(task: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    from apps.engine.evaluate import measure_gates, subject_json

    subject = _loaded(task)
    found = measure_gates(subject, task["gates"], seed=task.get("seed", 0), progress=progress)
    return {"subject": subject_json(subject), "measurements": found}


def _summarise(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.partitions import measure_partition

    found = measure_partition(_loaded(task), task["dataset"], task["gates"], parts=task.get("parts"))
    Path(task["out"]).write_bytes(found)
    return {"digest": f"sha256:{hashlib.sha256(found).hexdigest()}", "bytes": len(found)}


def _merged(task: Mapping[str, Any], _: Progress) -> dict[str, Any]:
    from apps.engine.evaluate import subject_json
    from apps.engine.partitions import measure_merged

    subject = _loaded(task)
    parts = [Path(name).read_bytes() for name in task["summaries"]]
    found = measure_merged(subject, parts, task["gates"], seed=task.get("seed", 0))
    return {"subject": subject_json(subject), "measurements": found}


_TASKS: dict[str, Callable[[Mapping[str, Any], Progress], dict[str, Any]]] = {
    "inspect": _inspect,
    "measure": _measure,
    "gates": _gates,
    "summarise": _summarise,
    "merged": _merged,
}

if __name__ == "__main__":
    main()
