"""Tallies: however the values came together, the same counts; sorted either way, the same bytes."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.engine import kernels
from apps.engine.columns import ArrayColumn, Coded, Columns
from apps.engine.errors import BadInput
from apps.engine.tally import Tally, ascending, joined, tallies, tally

RNG = np.random.default_rng(0)
HARD = {
    "normal": RNG.normal(size=3000),
    "few": RNG.integers(0, 4, 3000).astype(float),
    "nearly equal": 1 + 1e-13 * RNG.random(3000),
    "tiny": np.array([5e-324, 0.0, -0.0, -5e-324, 1e-310, 2.5, -2.5] * 40),
    "far": np.array([np.inf, -np.inf, 1e308, -1e308, np.nan, -np.nan, 0.0] * 40),
    "none": np.zeros(0),
    "blank": np.full(5, np.nan),
}
values = st.lists(st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0]), max_size=40)


@pytest.fixture(params=[True, False], ids=["compiled", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param and not kernels.installed():
        pytest.skip("Numba is not installed")
    monkeypatch.setattr(kernels, "worth", lambda items, **_: request.param)
    return bool(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", HARD)
def test_values_are_sorted_to_the_same_bytes(name: str) -> None:
    given = HARD[name]
    wanted = np.sort(given[~np.isnan(given)] + 0.0)
    assert ascending(given).tobytes() == wanted.tobytes()


@given(values)
def test_below_and_ranks_are_those_of_the_rows(rows: list[float]) -> None:
    known = sorted(v + 0.0 for v in rows if v == v)
    plain, counted = (
        tally(ArrayColumn("x", np.array(rows))),
        tally(ArrayColumn("x", np.array(rows)), ones(rows)),
    )
    for held in (plain, counted):
        assert (held.n, held.missing, held.rows) == (len(known), len(rows) - len(known), len(rows))
        assert held.below([0.0, 1.0]).tolist() == [sum(v <= e for v in known) for e in (0.0, 1.0)]
        if known:
            assert held.ranked(np.array([0, len(known) - 1])).tolist() == [known[0], known[-1]]


def ones(rows: list[float]) -> np.ndarray:
    return np.ones(len(rows), dtype=np.int64)


@given(st.lists(values, min_size=1, max_size=5))
def test_parts_joined_in_any_order_are_the_whole(parts: list[list[float]]) -> None:
    each = [tally(ArrayColumn("x", np.array(part, dtype=float))) for part in parts]
    whole = tally(ArrayColumn("x", np.array([v for part in parts for v in part], dtype=float)))
    for order in (each, each[::-1]):
        found = reduce(joined, order)
        distinct, counts = found.runs()
        assert (distinct.tolist(), counts.tolist()) == tuple(part.tolist() for part in whole.runs())
        assert found.missing == whole.missing


def test_levels_join_and_so_do_numbers_with_levels() -> None:
    one, two = levelled(["a", None, "b"]), levelled(["b", "c"])
    assert joined(one, two).by_level() == {"a": 1, "b": 2, "c": 1, "(missing)": 1}
    mixed = joined(Tally("x", "number", np.array([1.0, 2.0, 1.0])), levelled(["1", "x"]))
    assert (mixed.kind, mixed.by_level()) == ("category", {"1": 3, "2": 1, "x": 1})


def levelled(levels: list[str | None]) -> Tally:
    return tally(ArrayColumn("x", Coded.of(levels)))


def test_counts_of_rows_are_rows() -> None:
    column = ArrayColumn("x", np.array([3.0, np.nan, 3.0, 1.0]))
    found = tally(column, np.array([2, 5, 1, 4]))
    assert (found.ordered.tolist(), found.counts.tolist(), found.missing) == ([1.0, 3.0], [4, 3], 5)


def test_a_table_sorts_each_column_once() -> None:
    table = Columns.of(x=[2.0, 1.0])
    assert tallies(table, ["x"])["x"] is tallies(table, ["x"])["x"]


def test_a_tally_has_no_rows_to_read() -> None:
    with pytest.raises(BadInput, match='Column "x" is read as counts of its values'):
        Tally("x", "number", np.array([1.0])).numbers()
