"""Calibration against scikit-learn, statsmodels and hand-worked figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from apps.engine.errors import Unmeasurable
from apps.engine.measures.calibration import brier


def forecasts(seed: int = 0, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    score = source.beta(2, 5, n)
    return score, source.random(n) < score**1.2


@pytest.mark.parametrize("binning", ["width", "quantile", "unique"])
def test_brier_is_scikit_learns_and_its_parts_add_up(binning):
    score, label = forecasts()
    found = brier(score=score, label=label, binning=binning)
    parts = found.tables["decomposition"][0]
    assert found.value == pytest.approx(metrics.brier_score_loss(label, score), abs=1e-14)
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"]
    total += parts["within_variance"] - parts["within_covariance"]
    assert total == pytest.approx(found.value, abs=1e-13)
    assert found.interval[0] < found.value < found.interval[1]


def test_murphys_parts_by_hand():
    """Forecasts 0.2 (1 event of 4) and 0.8 (3 of 4): REL 0.0025, RES 0.0625, UNC 0.25."""
    score = np.repeat([0.2, 0.8], 4)
    label = np.array([True, False, False, False, True, True, True, False])
    parts = brier(score=score, label=label).tables["decomposition"][0]
    assert parts["reliability"] == pytest.approx(0.0025)
    assert parts["resolution"] == pytest.approx(0.0625)
    assert parts["uncertainty"] == pytest.approx(0.25)
    assert parts["within_variance"] == pytest.approx(0, abs=1e-15)


def test_brier_with_weights_is_scikit_learns():
    score, label = forecasts()
    weight = np.random.default_rng(5).random(500)
    found = brier(score=score, label=label, weight=weight)
    assert found.value == pytest.approx(metrics.brier_score_loss(label, score, sample_weight=weight))
    assert brier(score=score, label=label, weight=np.full(500, 1.0)) == brier(score=score, label=label)


@pytest.mark.parametrize(
    ("score", "status", "words"),
    [
        ([0.5, 1.5], "undefined", "1 of 2 rows"),
        ([], "insufficient", "no rows"),
        ([np.nan, 0.1], "undefined", "missing"),
    ],
)
def test_brier_says_why_it_has_no_number(score, status, words):
    with pytest.raises(Unmeasurable, match=words) as refused:
        brier(score=np.array(score), label=np.zeros(len(score), dtype=bool))
    assert refused.value.status == status


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.randoms())
def test_row_order_changes_no_byte(rows, shuffle):
    moved = list(rows)
    shuffle.shuffle(moved)
    first, second = (
        brier(score=np.array([s for s, _ in r]), label=np.array([y for _, y in r])) for r in (rows, moved)
    )
    assert repr(first) == repr(second)
