"""The `countersign` program as a pipeline runs it: a process of its own, a server and a token."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """How it ended."""

    code: int
    out: str
    said: str


@dataclass(frozen=True, slots=True)
class Program:
    """One server and one token."""

    server: str
    token: str = field(repr=False)

    def __call__(self, *words: str | Path) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "apps.cli.main", *map(str, words)],
            cwd=PROJECT,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(PROJECT),
                "COUNTERSIGN_URL": self.server,
                "COUNTERSIGN_TOKEN": self.token,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)
