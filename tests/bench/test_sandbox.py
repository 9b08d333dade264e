"""What the walls around measuring cost: the same child with them and without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.measuring import ROOT, duration, median
from tests.bench.table import Line, Table

pytestmark = pytest.mark.bench
TIMES, MOST_S = 15, 0.050
# Raised in a process of its own each time: they cannot be taken down.
RAISE = """
import os, sys, time
from apps.engine.landlock import Reach
from apps.engine.walls import Limits, raise_walls
from pathlib import Path
began = time.perf_counter()
walls = raise_walls(Limits(), Reach(reads=(Path(sys.argv[1]),), writes=(Path(sys.argv[1]),)))
took = time.perf_counter() - began
assert walls["files"] and walls["system_calls"]
print(took)
"""


def raised(place: Path) -> float:
    """The seconds that raising every wall took."""
    command = [sys.executable, "-c", RAISE, str(place)]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_the_walls_take_little(table: Table, tmp_path: Path) -> None:
    took = median([raised(tmp_path) for _ in range(TIMES)])
    table.add(
        Line(
            part="What the queue costs",
            what="raising the walls around one measuring: namespaces, files, system calls, limits, own user",
            ours=duration(took),
            peer="the same child without",
            goal="≤ 50 ms over plain",
            met="yes" if took <= MOST_S else "no",
        )
    )
