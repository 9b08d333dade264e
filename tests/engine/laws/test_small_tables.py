"""Any small table, drawn by Hypothesis: an answer, the same for its rows in any order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.engine.errors import BadInput
from tests.engine.laws.specimens import CHECKS, TIMED, Table, World, as_bytes, needs

NUMBERS = [0.0, 0.1, 0.5, 1.0, -1.0, 3.0, 1e9, None]
ROW = st.fixed_dictionaries(
    {
        "score": st.sampled_from([0.0, 1e-300, 0.1, 0.1 + 2**-54, 0.5, 0.9, 1.0, 2.0, None, math.inf]),
        "rival": st.sampled_from([0.1, 0.5, 0.9]),
        "label": st.integers(0, 1),
        "approved": st.sampled_from(["yes", "no"]),
        "sex": st.sampled_from(["F", "M", None, "(missing)", " × "]),
        "race": st.sampled_from(["a", "b", "Ä"]),
        "period": st.sampled_from(["2025-01", "2025-02", "2024-12", None]),
        "overridden": st.integers(0, 1),
        "income": st.sampled_from(NUMBERS),
        "debt": st.sampled_from(NUMBERS),
        "age": st.sampled_from([30.0, 40.0]),
        "region": st.sampled_from(["north", "south", None]),
    }
)
UNTIMED = [c for c in CHECKS if c not in TIMED and c != "explainability.local"]
QUICK = [c for c in UNTIMED if "model" not in needs(c)]


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Rows as columns."""
    return {name: [row[name] for row in rows] for name in ("score", *(k for k in rows[0] if k != "score"))}


def said(world: World, check_id: str, **more: Any) -> str:
    """The bytes of the answer, or the words of a refusal."""
    try:
        found = world.measured(check_id, **more)
    except BadInput as refused:
        return str(refused)
    assert found.status == "measured" or (found.value is None and found.notes)
    assert found.status != "measured" or found.value is not None
    return as_bytes(found)


@pytest.mark.parametrize("check_id", QUICK)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(ROW, min_size=1, max_size=9), seed=st.integers(0, 99))
def test_small_tables(check_id: str, rows: list[dict[str, Any]], seed: int, world: World) -> None:
    more = {"min_group_size": 1} if "min_group_size" in {a.name for a in CHECKS[check_id].args} else {}
    turned = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    first = said(world.but(table=table_of(rows)), check_id, **more)
    assert first == said(world.but(table=table_of(turned)), check_id, **more)


@pytest.mark.slow
@pytest.mark.parametrize("check_id", UNTIMED)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(ROW, min_size=1, max_size=14), seed=st.integers(0, 99))
def test_many_small_tables(check_id: str, rows: list[dict[str, Any]], seed: int, world: World) -> None:
    test_small_tables.hypothesis.inner_test(check_id, rows, seed, world)
