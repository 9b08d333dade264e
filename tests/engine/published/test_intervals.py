"""Intervals against the tables of the papers that made them."""

from __future__ import annotations

import numpy as np
import pytest

from apps.engine.intervals import clopper_pearson, katz_log, newcombe, wilson
from apps.engine.measures.fairness.selection import selection_rate_difference, selection_rate_ratio
from apps.engine.measures.performance_decisions import accuracy
from tests.engine.published.printed import chosen, named, printed

NEWCOMBE_ONE = "Newcombe (1998), Statistics in Medicine 17, 857-872, table I"
NEWCOMBE_TWO = "Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10"


@printed(
    "performance.accuracy",
    source=NEWCOMBE_ONE,
    what="Wilson and Clopper-Pearson at 4 proportions",
    seen="Wilson at 81 of 263 and 15 of 148, quoted by the tests of R's propint; the others recalled",
)
@pytest.mark.parametrize(
    ("x", "n", "by_wilson", "by_clopper_pearson"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_single_proportions_are_newcombes(x, n, by_wilson, by_clopper_pearson):
    assert tuple(round(end, 4) for end in wilson(x, n)) == by_wilson
    assert tuple(round(end, 4) for end in clopper_pearson(x, n)) == by_clopper_pearson
    rows = {"predicted": np.ones(n, bool), "label": np.arange(n) < x}
    found = accuracy(**rows, interval="clopper_pearson").interval
    assert tuple(round(end, 4) for end in found) == by_clopper_pearson


@printed(
    "fairness.selection_rate_difference",
    source=NEWCOMBE_TWO,
    what="hybrid score intervals of 8 differences",
    seen="the first two, quoted by the tests of R's propint; the others recalled",
)
@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((6, 7), (2, 7), (0.0582, 0.8062)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
        ((0, 10), (0, 20), (-0.1611, 0.2775)),
        ((0, 10), (0, 10), (-0.2775, 0.2775)),
        ((10, 10), (0, 20), (0.6791, 1.0000)),
        ((10, 10), (0, 10), (0.6075, 1.0000)),
    ],
)
def test_differences_are_newcombes(first, second, wanted):
    assert tuple(round(end, 4) for end in newcombe(*first, *second)) == wanted


def test_the_check_gives_newcombes_interval():
    found = selection_rate_difference(
        selected=chosen((48, 80), (56, 70)), protected=named("g", a=80, b=70), min_group_size=1
    )
    assert found.value == pytest.approx(0.2)
    assert tuple(round(end, 4) for end in found.interval) == (0.0524, 0.3339)


@printed(
    "fairness.selection_rate_ratio",
    source="Agresti (2002), Categorical Data Analysis, 2nd ed., section 3.1: aspirin and infarction, "
    "104 of 11,037 against 189 of 11,034",
    what="ratio 1.82 and Katz's log interval 1.43 to 2.31",
    seen="the counts, in Agresti's Introduction to categorical data analysis, table 2.2; ratio and interval "
    "recalled",
)
def test_the_ratio_of_the_physicians_health_study():
    low, high = katz_log(189, 11034, 104, 11037)
    assert (round(low, 2), round(high, 2)) == (1.43, 2.31)
    found = selection_rate_ratio(
        selected=chosen((189, 11034), (104, 11037)),
        protected=named("arm", placebo=11034, aspirin=11037),
        reference="aspirin",
    )
    assert round(found.value, 2) == 1.82
    assert tuple(round(end, 2) for end in found.interval) == (1.43, 2.31)
