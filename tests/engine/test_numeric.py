"""Sums that do not depend on the order of the rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.engine.numeric import stable_sum

RNG = np.random.default_rng(0)
CASES = {
    "shares": RNG.random(50_000),
    "far apart": RNG.normal(size=5000) * 10.0 ** RNG.integers(-20, 20, 5000),
    "cancelling": np.concatenate(([1e100], np.ones(4000), [-1e100])),
    "tiny": RNG.normal(size=5000) * 1e-310,
    "huge": np.full(3000, 1e304),
    "zeros": np.zeros(5000),
    "negative": -RNG.random(20_000),
}


@pytest.mark.parametrize("name", CASES)
def test_long_sums_are_correctly_rounded(name):
    assert stable_sum(CASES[name]) == math.fsum(CASES[name].tolist())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(60, 400))
def test_repeated_values_are_correctly_rounded_too(values, times):
    many = np.array(values * times)
    assert stable_sum(many) == math.fsum(many.tolist())


def test_what_is_not_finite_stays_so():
    assert math.isnan(stable_sum(np.append(CASES["shares"], np.nan)))
    assert stable_sum(np.append(CASES["shares"], np.inf)) == math.inf
