"""Times of two ways to do one thing, taken in turns on the same machine."""

from __future__ import annotations

import json
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


def program(words: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Ran:
    """Run a program to its end."""
    command = [sys.executable, str(ROOT / "tests/bench/spawned.py"), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=None if env is None else dict(env), cwd=cwd
    )
    *errors, told = done.stderr.strip().splitlines()
    found = json.loads(told)
    if found["code"] < 0 or (found["code"] and not done.stdout):
        raise AssertionError("\n".join([f"{words} ended with {found['code']}", *errors[-20:]]))
    return Ran(printed=done.stdout, **found)


def job(name: str, *words: str, env: Mapping[str, str] | None = None) -> Ran:
    """Run one job of `tests.bench.jobs` in a process of its own."""
    return program([sys.executable, "-m", "tests.bench.jobs", name, *words], env=env)


def in_turns(rounds: int, **ways: Callable[[], Ran]) -> dict[str, list[Ran]]:
    """Every way once a round, A B A B, so that a busy minute falls on all of them."""
    found: dict[str, list[Ran]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return found


def median(values: Sequence[float]) -> float:
    """The middle of the values."""
    return statistics.median(values)


def seconds_of(work: Callable[[], object], rounds: int) -> float:
    """The median of several calls after one that does not count."""
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
