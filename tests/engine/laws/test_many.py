"""Ten thousand groups, features, bins and periods: an answer within seconds, never a crash."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Problem
from apps.engine.measure import function_of
from tests.engine.laws.specimens import CHECKS, World, as_bytes, needs, people, reading

MANY = 10_000
SECONDS = 10.0  # three on a quiet machine; the tests share theirs


def timed(world: World, check_id: str, **more: object) -> None:
    started = time.perf_counter()
    with suppress(BadInput):
        as_bytes(world.measured(check_id, **more))
    assert time.perf_counter() - started < SECONDS


@pytest.fixture(scope="module")
def crowd(world: World) -> World:
    """20,000 people in 10,000 groups of two, 500 months."""
    table = people(2 * MANY, 3, later=True)
    table["sex"] = [f"g{i % MANY}" for i in range(2 * MANY)]
    table["region"] = table["sex"]
    table["period"] = [f"{1900 + i % 120}-{1 + i % 12:02d}" for i in range(2 * MANY)]
    return world.but(table=table)


@pytest.mark.slow
@pytest.mark.parametrize("floor", [1, 30])
@pytest.mark.parametrize("check_id", reading("protected", "period"))
def test_ten_thousand_groups(check_id: str, floor: int, crowd: World) -> None:
    named = {arg.name for arg in CHECKS[check_id].args}
    more = {"min_group_size": floor} if "min_group_size" in named else {}
    timed(crowd, check_id, **more)


FEATURED = [c for c in reading("features", "reference_features", "columns") if "model" not in needs(c)]


@pytest.mark.slow
@pytest.mark.parametrize("check_id", FEATURED)
def test_ten_thousand_features(check_id: str, world: World) -> None:
    source = np.random.default_rng(1)
    wide = [
        Columns.of(**{f"f{i}": source.integers(0, 9, 40).astype(float) for i in range(MANY)})
        for _ in range(2)
    ]
    small = world.but(table={k: v[:40] for k, v in world.table.items()})
    given = small.inputs(CHECKS[check_id])
    for name, columns in zip(("features", "reference_features"), wide, strict=True):
        if name in given:
            given[name] = columns
    if check_id not in {"performance.auc_versus", "performance.override_rate", "data.contract"} and (
        "columns" in given and "grade" not in given and "strata" not in given
    ):
        given |= {k: w for k, w in zip(("columns", "reference_columns"), wide, strict=True) if k in given}
        given.update({"over": None} if "over" in given else {})
    started = time.perf_counter()
    words = said(check_id, given)
    assert time.perf_counter() - started < SECONDS
    assert len(words) < 2000, "a sentence that names ten thousand things names none"


def said(check_id: str, given: dict[str, Any]) -> str:
    """Why there is no number, or nothing."""
    try:
        function_of(CHECKS[check_id])(**given)
    except Problem as refused:
        return str(refused)
    return ""
