"""The rest of performance against scikit-learn, definitions by pairs and hand-worked figures."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sklearn import metrics

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures import performance_bands as bands
from apps.engine.measures import performance_decisions as decisions
from apps.engine.measures import performance_losses as losses
from apps.engine.measures import performance_ranking as ranks


def sample(seed: int = 0, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    source = np.random.default_rng(seed)
    label = source.random(n) < 0.3
    return np.round(1 / (1 + np.exp(-source.normal(label * 1.2 - 0.8, 1))), 3), label


SCORE, LABEL = sample()
PREDICTED = SCORE > 0.5


@pytest.mark.parametrize(
    ("check", "wanted"),
    [
        (decisions.accuracy, metrics.accuracy_score(LABEL, PREDICTED)),
        (decisions.precision, metrics.precision_score(LABEL, PREDICTED)),
        (decisions.recall, metrics.recall_score(LABEL, PREDICTED)),
        (decisions.specificity, metrics.recall_score(~LABEL, ~PREDICTED)),
        (decisions.negative_predictive_value, metrics.precision_score(~LABEL, ~PREDICTED)),
        (decisions.balanced_accuracy, metrics.balanced_accuracy_score(LABEL, PREDICTED)),
        (decisions.f_beta, metrics.f1_score(LABEL, PREDICTED)),
        (decisions.mcc, metrics.matthews_corrcoef(LABEL, PREDICTED)),
    ],
)
def test_figures_of_the_decision_are_scikit_learns(check, wanted):
    found = check(predicted=PREDICTED, label=LABEL)
    assert found.value == pytest.approx(wanted, abs=1e-12)
    assert found.interval[0] < found.value < found.interval[1]


def test_f_beta_weighs_recall():
    found = decisions.f_beta(predicted=PREDICTED, label=LABEL, beta=2)
    assert found.value == pytest.approx(metrics.fbeta_score(LABEL, PREDICTED, beta=2))


@pytest.mark.parametrize(
    ("check", "status"),
    [
        (decisions.precision, "undefined"),
        (decisions.recall, "undefined"),
        (decisions.f_beta, "undefined"),
        (decisions.balanced_accuracy, "insufficient"),
        (decisions.mcc, "insufficient"),
    ],
)
def test_a_figure_without_a_denominator_says_so(check, status):
    none = np.zeros(5, dtype=bool)
    with pytest.raises(Unmeasurable) as refused:
        check(predicted=none, label=none)
    assert refused.value.status == status
    assert "5" in str(refused.value)


def test_gini_is_twice_the_area_less_one():
    found = ranks.gini(score=SCORE, label=LABEL)
    assert found.value == pytest.approx(2 * metrics.roc_auc_score(LABEL, SCORE) - 1, abs=1e-14)
    assert found.interval[0] < found.value < found.interval[1]


def test_paired_difference_of_areas_by_all_pairs():
    other = SCORE + np.random.default_rng(1).normal(0, 0.2, len(SCORE))
    found = ranks.auc_versus(score=SCORE, label=LABEL, columns=Columns.of(old=other), column="old")
    pairs = [np.sign(s[LABEL][:, None] - s[~LABEL][None]) / 2 + 0.5 for s in (SCORE, other)]
    gap = pairs[0] - pairs[1]
    variance = gap.mean(axis=1).var(ddof=1) / LABEL.sum() + gap.mean(axis=0).var(ddof=1) / (~LABEL).sum()
    assert found.value == pytest.approx(gap.mean())
    assert found.tables["test"][0]["statistic"] == pytest.approx(gap.mean() / variance**0.5)
    loose = ranks.auc_versus(
        score=SCORE, label=LABEL, columns=Columns.of(old=other), column="old", paired=False
    )
    assert loose.interval[0] < found.interval[0]


def test_a_score_against_itself_does_not_differ():
    found = ranks.auc_versus(score=SCORE, label=LABEL, columns=Columns.of(old=SCORE), column="old")
    assert (found.value, found.interval) == (0.0, (0.0, 0.0))
    with pytest.raises(BadInput, match='no column "new"'):
        ranks.auc_versus(score=SCORE, label=LABEL, columns=Columns.of(old=SCORE), column="new")


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_scikit_learns(seed):
    score, label = sample(seed)
    found = ranks.average_precision(score=score, label=label)
    assert found.value == pytest.approx(metrics.average_precision_score(label, score), abs=1e-12)
    assert found.interval[0] < found.value < found.interval[1]


def test_lift_and_gain_by_hand():
    score = np.arange(20.0)
    label = np.isin(np.arange(20), [3, 17, 18, 19])
    found = bands.lift_and_gain(score=score, label=label, top=0.2, bands=5)
    assert found.exact == Fraction(15, 4)
    assert found.parameters["gain"] == 0.75
    assert found.tables["bands"][0]["cumulative_gain"] == 0.75
    assert found.tables["bands"][-1]["cumulative_share"] == 1


def test_rank_ordering_counts_the_breaks():
    label = np.concatenate([np.arange(20) < k for k in (2, 6, 4, 9)])
    found = bands.rank_ordering(score=np.repeat([1.0, 2.0, 3.0, 4.0], 20), label=label, bands=4)
    assert found.value == 1
    assert [row["breaks"] for row in found.tables["bands"]] == [False, False, True, False]


def test_concentration_by_hand():
    found = bands.concentration(score=np.array([0.0] * 6 + [1.0] * 4), rule="unique")
    assert found.exact == Fraction(52, 100)
    with pytest.raises(Unmeasurable, match="one band"):
        bands.concentration(score=np.ones(4))


def test_losses_are_scikit_learns():
    weight = np.random.default_rng(2).random(len(SCORE))
    found = losses.log_loss(score=SCORE, label=LABEL, weight=weight)
    assert found.value == pytest.approx(metrics.log_loss(LABEL, SCORE, sample_weight=weight))
    target = SCORE * 3 + np.random.default_rng(3).normal(0, 0.1, len(SCORE))
    guess = SCORE * 2.9
    for check, wanted in (
        (losses.mae, metrics.mean_absolute_error),
        (losses.rmse, metrics.root_mean_squared_error),
        (losses.r2, metrics.r2_score),
    ):
        found = check(score=guess, target=target)
        assert found.value == pytest.approx(wanted(target, guess))
        assert found.interval[0] < found.value < found.interval[1]


def test_an_impossible_outcome_has_no_log_loss():
    with pytest.raises(Unmeasurable, match="1 of 2 rows: the loss is infinite"):
        losses.log_loss(score=np.array([1.0, 0.5]), label=np.array([False, True]))
    clipped = losses.log_loss(score=np.array([1.0, 0.5]), label=np.array([False, True]), clip=0.01)
    assert clipped.value == pytest.approx(-(np.log(0.01) + np.log(0.5)) / 2)


def test_equal_targets_explain_nothing():
    with pytest.raises(Unmeasurable, match="no variance"):
        losses.r2(score=np.array([1.0, 2.0]), target=np.array([1.0, 1.0]))


def test_override_rate_reads_several_spellings():
    found = losses.override_rate(columns=Columns.of(o=["yes", "no", "No", "no"]), override="o")
    assert found.exact == Fraction(1, 4)
    with pytest.raises(BadInput, match='holds "maybe"'):
        losses.override_rate(columns=Columns.of(o=["maybe", "no"]), override="o")
    with pytest.raises(Unmeasurable, match="missing in 1 of 2"):
        losses.override_rate(columns=Columns.of(o=["yes", None]), override="o")


@pytest.mark.parametrize(
    "check", [ranks.average_precision, bands.lift_and_gain, bands.rank_ordering, ranks.gini]
)
def test_row_order_changes_no_byte(check):
    order = np.random.default_rng(4).permutation(len(SCORE))
    assert repr(check(score=SCORE, label=LABEL)) == repr(check(score=SCORE[order], label=LABEL[order]))
