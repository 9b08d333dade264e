"""Rates of groups over a million rows: from codes, from Parquet, with a thousand draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.bench.conftest import Maker
from tests.bench.goals import Goal, compare, side, versus
from tests.bench.measuring import FULL, Found, Ran, in_turns, job, peer_job
from tests.bench.table import Table

pytestmark = pytest.mark.bench
PART = "Rates of groups: 2 + 5 groups and their 10 crossings, five rates, every comparison"
ROWS, FEW, LARGE = 1_000_000, 100_000, 10_000_000
DRAWS = 20 if FULL else 4
BYTES = 4  # of a row: two codes, outcome, decision


def test_from_codes(table: Table, machine: dict[str, float]) -> None:
    found = in_turns(
        3,
        once=("fairlearn", "aif360", "check"),
        ours=lambda: job("groups_ours", ROWS, 15, 0),
        check=lambda: job("groups_check", ROWS, 5),
        aequitas=lambda: peer_job("aequitas_crosstabs", ROWS),
        aif360=lambda: peer_job("aif360_metrics", ROWS),
        fairlearn=lambda: job("fairlearn_frames", ROWS),
    )
    equal(found["ours"][0].said["values"], found["fairlearn"][0].said["values"])
    what, share = f"{ROWS:,} rows from codes", ROWS * BYTES / found.seconds("ours") / machine["memory"]
    versus(
        table,
        found,
        part=PART,
        what=f"{what}; equal to the last bit",
        peer="fairlearn",
        goal=Goal(ratio=5000, share=0.09),
        share=share,
        limit="reading them from memory",
        note="3 MetricFrames",
    )
    versus(table, found, part=PART, what=what, peer="aif360", goal=Goal(ratio=500), note="10 groups, 5 rates")
    versus(table, found, part=PART, what=what, peer="aequitas", goal=Goal(ratio=80))
    compare(
        table,
        part=PART,
        what=f"{what}, as the check `fairness.group_rates`: every rate, Wilson's and Newcombe's intervals",
        ours=side(found, "check"),
        theirs=side(found, "fairlearn", note="no intervals"),
        peer=found["fairlearn"][0].said["peer"],
    )


def equal(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Not close: the same floats, for every figure of every group."""
    for attribute, metrics in theirs.items():
        for metric, figures in metrics.items():
            for name, value in figures.items():
                found = ours[attribute][metric][name]
                same = found == value or (
                    not isinstance(value, dict) and math.isnan(value) and math.isnan(found)
                )
                assert same, (attribute, metric, name, found, value)


def test_from_parquet(table: Table, made: Maker) -> None:
    path = made("people", LARGE)
    found = in_turns(3, once=("fairlearn",), **_readers(path), fairlearn=lambda: job("fairlearn_frames", FEW))
    what = f"{LARGE:,} rows from Parquet, groups as text"
    _beside_pandas(table, found, what, Goal(ratio=3, share=0.55))
    _beside_fairlearn(table, found, what)


def test_from_categories(table: Table, made: Maker) -> None:
    found = in_turns(3, once=(), **_readers(made("categories", LARGE)))
    _beside_pandas(table, found, f"{LARGE:,} rows from Parquet, groups as categories", Goal())


def _readers(path: str) -> dict[str, Callable[[], Ran]]:
    return {
        "ours": lambda: job("groups_parquet", path, 5),
        "bare": lambda: job("decode", path, 5, "sex", "race", "y", "p"),
        "pandas": lambda: peer_job("pandas_read", path, 2),
    }


def _beside_pandas(table: Table, found: Found, what: str, goal: Goal) -> None:
    assert found["ours"][0].said["count"] == LARGE
    versus(
        table,
        found,
        part=PART,
        what=what,
        peer="pandas",
        goal=goal,
        share=found.seconds("bare") / found.seconds("ours"),
        limit="bare decoding by Arrow on two cores",
        note="read_parquet alone",
    )


def _beside_fairlearn(table: Table, found: Found, what: str) -> None:
    compare(
        table,
        part=PART,
        what=what,
        ours=side(found, "ours"),
        theirs=_told(found, LARGE / FEW, f"from memory, told from {FEW:,} rows"),
        peer=found["fairlearn"][0].said["peer"],
        goal=Goal(ratio=1000),
    )


def _told(found: Found, times: float, note: str) -> Any:
    one = side(found, "fairlearn", note=note)
    return type(one)(seconds=one.seconds * times, memory=one.memory, note=note)


def test_a_thousand_draws(table: Table) -> None:
    found = in_turns(
        3,
        once=("fairlearn",),
        ours=lambda: job("groups_ours", FEW, 9, 1000),
        without=lambda: job("groups_ours", FEW, 9, 0),
        floor=lambda: job("draws_alone", FEW, 9),
        fairlearn=lambda: job("fairlearn_draws", FEW, DRAWS),
    )
    each = found["fairlearn"][0].said["each"]
    versus(
        table,
        found,
        part=PART,
        what=f"{FEW:,} rows with 1,000 bootstrap draws of every figure; ours takes as long for any number",
        peer="fairlearn",
        goal=Goal(ratio=20_000, seconds=0.02),
        share=found.seconds("floor") / found.seconds("ours"),
        limit="drawing the cells and nothing else",
        note=f"one MetricFrame, told from {DRAWS} draws of {each:.2f} s",
    )
