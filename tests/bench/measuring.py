"""Times of several ways to do one thing, taken in turns on the same machine."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path(sys.executable).parent / "countersign"
PEERS = ROOT / ".venv-bench" / "bin" / "python"
FULL = os.environ.get("COUNTERSIGN_BENCH") == "full"
PATIENCE = 3600 if FULL else 150  # seconds for one run of a peer
# What peers may send out or spread over, they do not.
QUIET = {
    "NML_DISABLE_USAGE_LOGGING": "1",
    "DO_NOT_TRACK": "1",
    "TQDM_DISABLE": "1",
    "PYTHONWARNINGS": "ignore",
}


class PeerProblem(Exception):
    """A peer that is not installed or did not get through; its line says so."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that ended: exit code, wall and processor seconds, peak memory, what it printed."""

    code: int
    seconds: float
    cpu: float
    peak_mib: float
    printed: str

    @property
    def said(self) -> dict[str, Any]:
        """Its last line, as JSON."""
        told: dict[str, Any] = json.loads(self.printed.splitlines()[-1])
        return told


class Found(dict[str, list[Ran]]):
    """Runs by the name of the way; `problems` says why one has none."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__({name: [] for name in names})
        self.problems: dict[str, str] = {}

    def seconds(self, name: str, key: str = "seconds") -> float:
        """The median of what the runs of one way said."""
        return median([ran.said[key] for ran in self[name]])

    def peak(self, name: str) -> float:
        """The most memory of one way, in MiB."""
        return max(ran.peak_mib for ran in self[name])


def program(
    words: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT, limit: float = 0
) -> Ran:
    """Run a program to its end, or to the limit in seconds."""
    command = [sys.executable, str(ROOT / "tests/bench/spawned.py"), str(limit), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=None if env is None else dict(env), cwd=cwd
    )
    *errors, told = done.stderr.strip().splitlines()
    found = json.loads(told)
    if found["code"] < 0 or (found["code"] and not done.stdout):
        raise AssertionError("\n".join([f"{words} ended with {found['code']}", *errors[-20:]]))
    return Ran(printed=done.stdout, **found)


def job(name: str, *words: object, env: Mapping[str, str] | None = None) -> Ran:
    """Run one job of `tests.bench.jobs` in a process of its own."""
    return program([sys.executable, "-m", "tests.bench.jobs", name, *map(str, words)], env=env)


def peer_job(name: str, *words: object, env: Mapping[str, str] | None = None) -> Ran:
    """Run one job by the interpreter that has the peers which clash with ours."""
    if not PEERS.exists():
        raise PeerProblem("not installed here; `./countersign bench` installs it")
    try:
        command = [str(PEERS), "-m", "tests.bench.jobs", name, *map(str, words)]
        ran = program(command, env=dict(env or os.environ) | QUIET, limit=PATIENCE)
    except AssertionError as error:
        if "ended with -9" in str(error):
            raise PeerProblem(f"did not end within {PATIENCE} s") from error
        raise PeerProblem(f"did not run: {str(error).splitlines()[-1][:120]}") from error
    if ran.code:
        raise PeerProblem(f"did not run: exit code {ran.code}")
    return ran


def in_turns(rounds: int, *, once: Sequence[str] = (), **ways: Callable[[], Ran]) -> Found:
    """Every way once a round, A B A B, so that a busy minute falls on all of them.

    `once` names those too slow for more than one round.
    """
    found = Found(list(ways))
    for number in range(rounds):
        for name, way in ways.items():
            if name in found.problems or (number and name in once):
                continue
            try:
                found[name].append(way())
            except PeerProblem as problem:
                found.problems[name] = str(problem)
    return found


def median(values: Sequence[float]) -> float:
    """The middle of the values."""
    return statistics.median(values)


def seconds_of(work: Callable[[], object], rounds: int, *, warm: bool = True) -> float:
    """The median of several calls, by default after one that does not count."""
    if warm:
        work()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)


def named(*packages: str) -> str:
    """Packages with their versions."""
    return ", ".join(f"{name} {version(name)}" for name in packages)


def duration(seconds: float) -> str:
    """For people: 2.31 ms, 17.0 s.

    >>> duration(0.00231), duration(17)
    ('2.31 ms', '17.0 s')
    """
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1 or unit == "µs":
            return (
                f"{seconds * scale:.3g} {unit}" if seconds * scale < 10 else f"{seconds * scale:.1f} {unit}"
            )
    return ""


def times(ratio: float) -> str:
    """A ratio for people: 0.85, 3.4, 19,700.

    >>> times(0.853), times(3.42), times(19712.3)
    ('0.85', '3.4', '19,712')
    """
    return f"{ratio:.2f}" if ratio < 1 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"
