"""Ranking and confusion against scikit-learn, definitions by pairs and published figures."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from apps.engine.errors import Unmeasurable
from apps.engine.measures.performance import auc, confusion, ks
from apps.engine.measures.ranking import rank


def sample(seed: int = 0, n: int = 400, *, ties: bool = True) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    label = source.random(n) < 0.4
    score = source.normal(label * 0.9, 1)
    return (np.round(score, 1) if ties else score), label


def delong_by_pairs(score: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """The definition: all pairs, sample variances of the placements."""
    pairs = np.sign(score[label][:, None] - score[~label][None, :]) / 2 + 0.5
    of_positive, of_negative = pairs.mean(axis=1), pairs.mean(axis=0)
    variance = of_positive.var(ddof=1) / len(of_positive) + of_negative.var(ddof=1) / len(of_negative)
    return float(pairs.mean()), float(variance)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ties", [True, False])
def test_auc_is_scikit_learns_and_its_variance_delongs(seed, ties):
    score, label = sample(seed, ties=ties)
    value, variance = delong_by_pairs(score, label)
    found = rank(score, label)
    assert float(found.auc) == pytest.approx(metrics.roc_auc_score(label, score), abs=1e-14)
    assert float(found.auc) == pytest.approx(value, abs=1e-14)
    assert float(found.variance) == pytest.approx(variance, rel=1e-12)


def test_auc_of_hanley_and_mcneils_ratings():
    """Hanley and McNeil (1982), table I: 58 normal, 51 abnormal images on five ratings; area 0.893."""
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    ratings = np.arange(1.0, 6.0)
    score = np.concatenate((np.repeat(ratings, normal), np.repeat(ratings, abnormal)))
    label = np.repeat([False, True], [sum(normal), sum(abnormal)])
    found = auc(score=score, label=label)
    assert round(found.value, 3) == 0.893
    assert float(rank(score, label).variance) ** 0.5 == pytest.approx(0.0307, abs=5e-4)


def test_auc_by_hand():
    found = auc(score=np.array([1.0, 2, 2, 3]), label=np.array([False, False, True, True]))
    assert found.exact == Fraction(7, 8)
    assert found.parameters["positives"] == 2


def test_auc_interval_uses_the_logit_scale_for_few_rows():
    few, many = sample(n=60), sample(n=2000)
    assert "logit" in auc(score=few[0], label=few[1]).method
    assert "logit" not in auc(score=many[0], label=many[1]).method


def test_auc_of_perfect_separation_is_not_certain():
    found = auc(score=np.arange(20.0), label=np.arange(20) >= 10)
    assert found.value == 1
    assert found.interval == (pytest.approx(0.025**0.1), 1.0)


@pytest.mark.parametrize(
    ("score", "label", "status", "words"),
    [
        ([], [], "insufficient", "no rows"),
        ([1.0, 2.0], [True, True], "insufficient", "one class"),
        ([1.0, 1.0], [True, False], "insufficient", "constant score"),
        ([1.0, np.nan], [True, False], "undefined", "1 of 2 rows"),
        ([np.inf, 1.0], [True, False], "undefined", "infinite"),
    ],
)
@pytest.mark.parametrize("check", [auc, ks])
def test_what_has_no_ranking_says_why(check, score, label, status, words):
    with pytest.raises(Unmeasurable, match=words) as refused:
        check(score=np.array(score), label=np.array(label, dtype=bool))
    assert refused.value.status == status


def test_one_row_in_a_class_has_a_value_and_no_interval():
    found = auc(score=np.array([1.0, 2.0, 3.0]), label=np.array([True, False, False]))
    assert (found.value, found.interval) == (0.0, None)


def test_weights_of_one_change_no_byte_and_others_are_scikit_learns():
    score, label = sample()
    assert auc(score=score, label=label, weight=np.ones(400)) == auc(score=score, label=label)
    weight = np.random.default_rng(1).random(400)
    found = auc(score=score, label=label, weight=weight)
    assert found.value == pytest.approx(metrics.roc_auc_score(label, score, sample_weight=weight), abs=1e-12)


def test_whole_weights_are_repeated_rows():
    score, label = sample(n=80)
    weight = np.random.default_rng(2).integers(1, 4, 80)
    repeated = auc(score=np.repeat(score, weight), label=np.repeat(label, weight))
    assert auc(score=score, label=label, weight=weight * 1.0).value == pytest.approx(
        repeated.value, abs=1e-13
    )


@pytest.mark.parametrize("seed", range(4))
def test_ks_is_scipys(seed):
    score, label = sample(seed)
    wanted = stats.ks_2samp(score[label], score[~label]).statistic
    found = ks(score=score, label=label)
    assert found.value == pytest.approx(wanted, abs=1e-14)
    assert found.interval[0] < found.value < found.interval[1]


def test_ks_by_hand_with_ties():
    found = ks(score=np.array([1.0, 1, 2, 2, 3]), label=np.array([False, True, False, True, True]))
    assert found.exact == Fraction(1, 3)


def test_the_whole_matrix_of_weights_is_scikit_learns():
    score, label = sample(n=200)
    weight = np.random.default_rng(3).random(200)
    found = confusion(predicted=score > 0.5, label=label, weight=weight)
    wanted = metrics.confusion_matrix(label, score > 0.5, sample_weight=weight).ravel()
    assert list(found.parameters["cells"].values()) == pytest.approx(wanted.tolist())
    assert found.value == pytest.approx(metrics.accuracy_score(label, score > 0.5, sample_weight=weight))
    assert sum(found.groups[0].counts.values()) == 200


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60), st.randoms())
def test_row_order_changes_no_byte(rows, shuffle):
    moved = list(rows)
    shuffle.shuffle(moved)
    for check in (auc, ks):
        assert repr(outcome(check, rows)) == repr(outcome(check, moved))


def outcome(check, rows):
    try:
        return check(score=np.array([float(s) for s, _ in rows]), label=np.array([y for _, y in rows]))
    except Unmeasurable as refused:
        return str(refused)


def test_confusion_is_scikit_learns():
    score, label = sample()
    predicted = score > 0.5
    found = confusion(predicted=predicted, label=label)
    group = found.groups[0]
    assert list(group.counts.values()) == metrics.confusion_matrix(label, predicted).ravel().tolist()
    assert found.value == pytest.approx(metrics.accuracy_score(label, predicted))
    assert group.rates["ppv"] == pytest.approx(metrics.precision_score(label, predicted))
    summary = {row["measure"]: row["value"] for row in found.tables["summary"]}
    assert summary["mcc"] == pytest.approx(metrics.matthews_corrcoef(label, predicted))
    assert summary["f1"] == pytest.approx(metrics.f1_score(label, predicted))
    assert summary["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(label, predicted))


def test_confusion_leaves_rates_without_a_denominator_undefined():
    found = confusion(predicted=np.array([False, False]), label=np.array([False, False]))
    rates = {row["rate"]: row for row in found.tables["rates"]}
    assert rates["tpr"] == {
        "rate": "tpr", "numerator": 0, "denominator": 0, "value": None, "low": None, "high": None,
    }  # fmt: skip
    assert "one class" in found.notes[0] or "All 2 labels" in found.notes[0]


def test_confusion_of_no_rows_is_insufficient():
    empty = np.array([], dtype=bool)
    with pytest.raises(Unmeasurable, match="no rows"):
        confusion(predicted=empty, label=empty)
