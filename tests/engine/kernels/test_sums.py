"""Compiled sums against their NumPy twins and against sums of fractions: the same bytes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from apps.engine.kernels.sums import add_segments
from apps.engine.numeric import exact_units, rounded, stable_sum, units_of
from apps.engine.resources import using

RNG = np.random.default_rng(3)
N = (1 << 18) + 5
CASES = {
    "shares": RNG.random(N),
    "far apart": RNG.normal(size=N) * 10.0 ** RNG.integers(-300, 300, N),
    "tiny": RNG.normal(size=N) * 1e-310,
    "huge": np.full(N, 1e304),
    "cancelling": np.concatenate((np.full(N, 1e300), np.full(N, -1e300), [1.0])),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("counted", [False, True])
def test_compiled_sums_are_their_twins(name, counted):
    values = CASES[name]
    count = RNG.integers(1, 1 << 17, len(values)) if counted else None
    compiled = exact_units(values, count)
    with using(compiled=False):
        assert exact_units(values, count) == compiled
    order = RNG.permutation(len(values))
    assert exact_units(values[order], None if count is None else count[order]) == compiled


def test_a_sum_is_that_of_fractions():
    values, count = CASES["far apart"][:300], RNG.integers(1, 1 << 30, 300)
    pairs = zip(values.tolist(), count.tolist(), strict=True)
    wanted = sum(Fraction(value) * times for value, times in pairs)
    assert stable_sum(values, count) == float(wanted)
    assert rounded(exact_units(values, count)) == float(wanted)


def test_what_is_beyond_the_floats_is_infinite():
    assert stable_sum(np.full(3, 1.7e308)) == np.inf
    assert stable_sum(np.full(2, -1.7e308), np.array([3, 3])) == -np.inf


def test_segments_are_sums_of_their_own():
    values = np.sort(RNG.normal(size=500) * 10.0 ** RNG.integers(-3, 3, 500))
    ends = np.array([0, 100, 100, 499, 500])
    keys, low, high = (np.empty(600, dtype=np.int64) for _ in range(3))
    made = add_segments(values.view(np.int64), ends, keys, low, high)
    for k, (start, stop) in enumerate(zip([0, *ends.tolist()], ends.tolist(), strict=False)):
        lows, highs = np.zeros(2048, np.int64), np.zeros(2048, np.int64)
        mine = [i for i in range(made) if keys[i] // 2048 == k]
        for i in mine:
            lows[keys[i] % 2048] += low[i]
            highs[keys[i] % 2048] += high[i]
        assert units_of(np.flatnonzero(lows | highs), lows, highs) == exact_units(values[start:stop])


def test_segments_say_when_there_is_no_room():
    values = np.array([1.0, 1e10, 1e-10])
    room = [np.empty(2, dtype=np.int64) for _ in range(3)]
    assert add_segments(values.view(np.int64), np.array([3]), *room) == -1
