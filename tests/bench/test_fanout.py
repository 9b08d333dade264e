"""Data in ten parts over two workers, against the same work by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.conftest import Maker
from tests.bench.goals import Goal, Side, compare
from tests.bench.measuring import FULL, in_turns, job
from tests.bench.table import Table

pytestmark = pytest.mark.bench
ROWS, PARTS = 40_000_000 if FULL else 4_000_000, 10


def test_two_workers(table: Table, made: Maker, tmp_path: Path) -> None:
    parts = made("scored", ROWS, ROWS // PARTS)
    (tmp_path / "scored").symlink_to(parts)
    found = in_turns(3, two=lambda: job("fanout", tmp_path, 2), one=lambda: job("fanout", tmp_path, 1))
    assert found["two"][0].said["auc"] == found["one"][0].said["auc"]
    compare(
        table,
        part="Fan-out: partitions summed up and merged",
        what=f"{ROWS:,} rows in {PARTS} parts, two workers of one thread",
        ours=Side(seconds=found.seconds("two"), items=ROWS),
        theirs=Side(seconds=found.seconds("one"), items=ROWS),
        peer="one worker",
        goal=Goal(ratio=1.6),
    )
