"""Ranking and calibration by group over Parquet files larger than the memory that may be used."""

from __future__ import annotations

import pytest

from tests.bench.conftest import Maker
from tests.bench.goals import Goal, Side, compare, side, versus
from tests.bench.measuring import FULL, in_turns, job, peer_job
from tests.bench.table import Table

pytestmark = pytest.mark.bench
PART = "Streaming: AUC, KS, Brier, ECE of ten groups over Parquet"
ROWS = 100_000_000 if FULL else 20_000_000
SLOW = 1_000_000


def test_one_pass(table: Table, made: Maker) -> None:
    place = made("scored", ROWS)
    found = in_turns(
        2,
        once=("sklearn",),
        ours=lambda: job("stream_ours", place, 2),
        bare=lambda: job("decode", place, 2, "score", "y", "g"),
        duckdb=lambda: peer_job("duckdb_stream", place, 2),
        polars=lambda: peer_job("polars_stream", place, 1),
        sklearn=lambda: job("sklearn_stream", place, SLOW),
    )
    said, exact = found["ours"][0].said, job("stream_exact", made("scored", 1_000_000))
    few = job("stream_ours", made("scored", 1_000_000), 1).said
    assert abs(few["auc"] - exact.said["auc"]) <= few["bound"]
    assert said["count"] == ROWS
    what = f"{ROWS:,} rows, AUC within ± {said['bound']:.1e}"
    share = found.seconds("bare") / found.seconds("ours")
    versus(
        table,
        found,
        part=PART,
        what=what,
        peer="duckdb",
        goal=Goal(ratio=4, share=0.57, memory=512),
        share=share,
        limit="bare decoding by Arrow on two cores",
        note="the histogram alone",
    )
    versus(table, found, part=PART, what=what, peer="polars", goal=Goal(ratio=7), note="the histogram alone")
    slow = side(found, "sklearn", note=f"{SLOW:,} rows, rates compared")
    ours = Side(seconds=found.seconds("ours"), items=ROWS, memory=found.peak("ours"))
    compare(
        table,
        part=PART,
        what=what,
        ours=ours,
        theirs=slow,
        peer=found["sklearn"][0].said["peer"],
        goal=Goal(ratio=100),
    )
