"""Repeated rows, overlap and order in time, against plain counting."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.engine.columns import Coded, Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.data_rows import duplicates, time_order, train_test_overlap
from apps.engine.measures.periods import in_time

CELL = st.tuples(st.sampled_from([0.0, -0.0, 1.0, None]), st.sampled_from(["x", "y", None]))


def table(rows):
    return Columns.of(a=[r[0] for r in rows], b=[r[1] for r in rows])


@settings(max_examples=50, deadline=None)
@given(st.lists(CELL, min_size=1, max_size=20), st.lists(CELL, min_size=1, max_size=20))
def test_both_equal_plain_counting(now, then):
    counted = Counter(now)
    assert duplicates(columns=table(now)).exact == Fraction(len(now) - len(counted), len(now))
    overlap = train_test_overlap(features=table(now), reference_features=table(then))
    assert overlap.exact == Fraction(sum(row in set(then) for row in now), len(now))


def test_a_key_chooses_the_columns_and_copies_are_counted():
    found = duplicates(columns=table([(1.0, "x"), (1.0, "y"), (1.0, "z"), (2.0, "x")]), key=["a"])
    assert found.exact == Fraction(2, 4)
    assert found.tables["copies"] == [
        {"times": 1, "different_rows": 1},
        {"times": 3, "different_rows": 1},
    ]


def test_numbers_in_one_file_and_text_in_the_other_are_compared_as_text():
    now, then = Columns.of(a=[1.0, 2.0]), Columns.of(a=["1", "x"])
    assert train_test_overlap(features=now, reference_features=then).exact == Fraction(1, 2)


def test_many_columns_do_not_overflow():
    wide = {f"c{j}": np.arange(2000.0) for j in range(40)}
    assert duplicates(columns=Columns.of(**wide)).value == 0


def test_nothing_to_compare_is_insufficient_and_a_wrong_name_refused():
    with pytest.raises(Unmeasurable, match="no rows"):
        duplicates(columns=Columns.of(a=[]))
    with pytest.raises(BadInput, match='no column "zz"'):
        duplicates(columns=Columns.of(a=[1.0]), key=["zz"])
    with pytest.raises(Unmeasurable, match="no rows"):
        train_test_overlap(features=Columns.of(a=[1.0]), reference_features=Columns.of(a=[]))


@pytest.mark.parametrize(
    ("now", "then", "same", "share"),
    [
        (["9", "10", "11"], ["8", "10"], False, Fraction(2, 3)),
        (["9", "10", "11"], ["8", "10"], True, Fraction(1, 3)),
        (["2025-Q1", "2025-Q2"], ["2024-Q4"], False, Fraction(0)),
        (["2025-01-31", None], ["2025-01-30"], False, Fraction(1, 2)),
    ],
)
def test_rows_not_after_the_reference_are_counted(now, then, same, share):
    one = Columns.of(a=[1.0])
    found = time_order(
        columns=one,
        reference_columns=one,
        period=Coded.of(now),
        reference_period=Coded.of(then),
        same_period=same,
    )
    assert found.exact == share


def test_a_column_may_stand_in_for_the_period():
    now, then = Columns.of(m=[3.0, 4.0]), Columns.of(m=[1.0, 3.0])
    assert time_order(columns=now, reference_columns=then, column="m").exact == Fraction(1, 2)
    with pytest.raises(BadInput, match='no column "n"'):
        time_order(columns=now, reference_columns=then, column="n")
    with pytest.raises(Unmeasurable, match="There is no period"):
        time_order(columns=now, reference_columns=then)


@pytest.mark.parametrize(
    ("levels", "words"),
    [(["spring"], '"spring" has no order'), (["2025-01", "2025-Q1"], "different forms")],
)
def test_periods_without_an_order_are_undefined(levels, words):
    with pytest.raises(Unmeasurable, match=words):
        in_time(levels)


def test_a_reference_row_without_a_period_leaves_no_number():
    one = Columns.of(a=[1.0])
    with pytest.raises(Unmeasurable, match="missing in 1 of 2 rows"):
        time_order(
            columns=one,
            reference_columns=one,
            period=Coded.of(["2"]),
            reference_period=Coded.of(["1", None]),
        )
