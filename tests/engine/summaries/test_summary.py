from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.engine.errors import BadInput
from apps.engine.summaries.codec import MAGIC, as_bytes, digest, from_bytes
from apps.engine.summaries.grid import GRIDS, on_grid, rounded
from apps.engine.summaries.summary import Summary, merged, summary_of

LEVELS = ("M", "F", None)
SCORES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 0.3, 0.30001, 0.30002, 2.5, -7.0, float("inf"), float("nan")]),
    st.floats(0, 1),
)
ROW = st.tuples(st.integers(0, 2), st.integers(0, 1), SCORES, st.sampled_from([0.0, 1.0, 2.5]))
NUMBERS = st.sampled_from([(), ("score",), ("score", "weight"), ("weight",), ("value:income",)])


def summed(rows: list[Any], numbers: tuple[str, ...], *, limit: int, turn: int = 0) -> Summary:
    order = [(i + turn) % 3 for i in range(3)]
    sex = np.array([order.index(row[0]) for row in rows], dtype=np.int64)
    at = {"score": 2, "weight": 3, "value:income": 2}
    return summary_of(
        keys=["sex", "y"],
        types=["text", "integer"],
        levels=[[LEVELS[i] for i in order], [0, 1]],
        codes=[sex, np.array([row[1] for row in rows], dtype=np.int64)],
        numbers=numbers,
        at=[np.array([row[at[name]] for row in rows], dtype=np.float64) for name in numbers],
        read_as=[1 if rows else 0 for _ in numbers],
        rows=len(rows),
        limit=limit,
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(ROW, max_size=40), NUMBERS, st.sampled_from([1 << 21, 12, 4, 2]), st.randoms())
def test_any_cut_and_any_order_give_the_same_bytes(
    rows: list[Any], numbers: tuple[str, ...], limit: int, random: Any
) -> None:
    whole = as_bytes(summed(rows, numbers, limit=limit))
    cut: list[list[Any]] = [[] for _ in range(random.randint(1, 4))]
    for row in random.sample(rows, len(rows)):
        random.choice(cut).append(row)
    parts = [summed(part, numbers, limit=limit, turn=random.randint(0, 2)) for part in cut]
    assert as_bytes(merged(parts, limit=limit)) == whole
    one = parts[0]
    for part in parts[1:]:
        one = merged([part, one], limit=limit)
    assert as_bytes(one) == whole


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=30), NUMBERS, st.sampled_from([1 << 21, 5]))
def test_bytes_come_back_as_the_same_summary(rows: list[Any], numbers: tuple[str, ...], limit: int) -> None:
    found = summed(rows, numbers, limit=limit)
    assert as_bytes(from_bytes(as_bytes(found))) == as_bytes(found)
    assert digest(found).startswith("sha256:")


@settings(max_examples=200, deadline=None)
@given(st.lists(ROW, min_size=3, max_size=10), st.data())
def test_altered_bytes_are_refused_or_are_another_summary(rows: list[Any], data: Any) -> None:
    good = as_bytes(summed(rows, ("score",), limit=1 << 21))
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    with suppress(BadInput):
        assert as_bytes(from_bytes(bad)) == bad


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MAGIC,
        MAGIC + b"[]\n",
        MAGIC + b"[" * 100_000,
        MAGIC + b'{"keys":[]}\n',
        MAGIC + b"{" + b'"a":' * 10,
    ],
)
def test_what_is_no_summary_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="summary"):
        from_bytes(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"rows":3', b'"rows":4'),
        (b'"grid":0', b'"grid":9'),
        (b'"tuples":2', b'"tuples":3'),
        (b'["F","M"]', b'["M","F"]'),
        (b'["F","M"]', b'["F",  3]'),
        (b'"text"', b'"code"'),
    ],
)
def test_a_summary_that_contradicts_itself_is_refused(old: bytes, new: bytes) -> None:
    good = as_bytes(
        summary_of(keys=["s"], types=["text"], levels=[["M", "F"]], codes=[np.array([0, 1, 0])], rows=3)
    )
    assert old in good
    with pytest.raises(BadInput, match="A summary is refused"):
        from_bytes(good.replace(old, new))


def test_too_many_tuples_leave_only_the_number_of_rows() -> None:
    rows = [(i % 3, i % 2, 0.5, float(i)) for i in range(40)]
    found = summed(rows, ("weight",), limit=10)
    assert (found.full, found.tuples, found.rows) == (True, 0, 40)


def test_the_finest_grid_that_fits_is_taken() -> None:
    rows = [(0, 0, i / 5000, 0.0) for i in range(1, 5000)]
    grids = [summed(rows, ("score",), limit=limit).grid for limit in (5000, 4000, 721, 240)]
    assert grids == [0, 3, 3, 4]


def test_summaries_of_other_columns_do_not_merge() -> None:
    with pytest.raises(BadInput, match="speak of different columns"):
        merged([summed([], (), limit=9), summed([], ("score",), limit=9)])


FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.lists(st.one_of(st.floats(0, 1), FINITE), max_size=30))
def test_a_coarser_grid_is_made_of_whole_steps_of_the_finer_one(scores: list[float]) -> None:
    given_ = np.array(scores) + 0.0
    for place in range(1, len(GRIDS) - 1):
        once = on_grid(given_, GRIDS[place])
        assert on_grid(once, GRIDS[place]).tolist() == once.tolist()
        assert on_grid(once, GRIDS[place + 1]).tolist() == on_grid(given_, GRIDS[place + 1]).tolist()
        some = rounded(given_, GRIDS[place])
        assert rounded(some, GRIDS[place + 1]).tolist() == rounded(given_, GRIDS[place + 1]).tolist()


@given(st.lists(st.floats(0, 1), max_size=30))
def test_a_score_moves_by_no_more_than_half_a_step_and_order_is_kept(scores: list[float]) -> None:
    held = np.sort(np.array(scores))
    for grid in GRIDS[1:]:
        assert grid is not None
        found = on_grid(held, grid)
        assert (np.abs(found - held) <= grid.shift * (1 + 1e-9)).all()
        assert (np.diff(found) >= 0).all()
