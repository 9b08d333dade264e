"""Weights: of 1 they change nothing, whole ones repeat rows, and what has no place for them says so."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from fairlearn import metrics as fairlearn
from sklearn import metrics

from apps.engine.columns import Columns
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import wilson
from apps.engine.measures import calibration_tests as tests
from apps.engine.measures import performance_bands as bands
from apps.engine.measures import performance_decisions as decisions
from apps.engine.measures import performance_ranking as ranks
from apps.engine.measures.fairness.selection import (
    equal_opportunity_difference,
    selection_rate_difference,
    selection_rate_ratio,
)
from apps.engine.measures.performance import ks

SHARES = {
    "accuracy": metrics.accuracy_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
}


def people(seed: int = 0, n: int = 500):
    source = np.random.default_rng(seed)
    label = source.random(n) < 0.4
    score = np.round(label + source.normal(size=n), 1)
    groups = Columns.of(g=source.choice(["a", "b", "c"], n).tolist())
    return score, label, groups, source.random(n) + 0.1


def rate_checks(chosen, label, groups):
    return (
        lambda w: selection_rate_ratio(selected=chosen, protected=groups, weight=w),
        lambda w: selection_rate_difference(selected=chosen, protected=groups, weight=w),
        lambda w: equal_opportunity_difference(selected=chosen, deserving=label, protected=groups, weight=w),
    )


def test_weights_of_one_change_nothing():
    score, label, groups, _ = people()
    chosen = score > 0.5
    checks = [
        *rate_checks(chosen, label, groups),
        lambda w: ks(score=score, label=label, weight=w),
        *(
            lambda w, name=name: getattr(decisions, name)(predicted=chosen, label=label, weight=w)
            for name in SHARES
        ),
    ]
    for check in checks:
        assert check(np.ones(500)) == check(None)


def test_rates_of_groups_are_fairlearns_with_sample_weights():
    score, label, groups, weight = people()
    chosen, codes = score > 0.5, groups["g"].coded().codes
    ratio, difference, opportunity = (check(weight) for check in rate_checks(chosen, label, groups))
    given = {"sensitive_features": codes, "sample_weight": weight}
    assert ratio.value == pytest.approx(fairlearn.demographic_parity_ratio(label, chosen, **given))
    assert difference.value == pytest.approx(fairlearn.demographic_parity_difference(label, chosen, **given))
    wanted = fairlearn.equal_opportunity_difference(label, chosen, **given)
    assert opportunity.value == pytest.approx(wanted)
    assert ratio.groups[0].counts["selected"] == (chosen & (codes == 0)).sum()


@pytest.mark.parametrize("name", SHARES)
def test_shares_are_scikit_learns_with_sample_weights(name):
    score, label, _, weight = people()
    found = getattr(decisions, name)(predicted=score > 0.5, label=label, weight=weight)
    assert found.value == pytest.approx(SHARES[name](label, score > 0.5, sample_weight=weight))
    assert found.interval[0] < found.value < found.interval[1]


def test_intervals_take_kishs_size():
    label = np.arange(200) % 2 == 0
    weight = np.where(np.arange(200) % 4 < 2, 1.0, 3.0)
    found = decisions.accuracy(predicted=np.ones(200, bool), label=label, weight=weight)
    assert found.interval == pytest.approx(wilson(80, 160))


def test_the_gap_of_weighted_curves_is_that_of_repeated_rows():
    score, label, _, _ = people()
    times = np.random.default_rng(1).integers(1, 4, 500)
    found = ks(score=score, label=label, weight=times.astype(float))
    assert found.value == pytest.approx(
        ks(score=np.repeat(score, times), label=np.repeat(label, times)).value
    )
    assert found.interval[0] < found.value < found.interval[1]


def test_the_order_of_rows_changes_no_byte():
    score, label, groups, weight = people()
    order = np.random.default_rng(2).permutation(500)
    turned = Columns.of(g=[groups["g"].coded().levels[c] for c in groups["g"].coded().codes[order]])
    first = selection_rate_ratio(selected=score > 0.5, protected=groups, weight=weight)
    again = selection_rate_ratio(selected=score[order] > 0.5, protected=turned, weight=weight[order])
    assert first == again
    assert ks(score=score, label=label, weight=weight) == ks(
        score=score[order], label=label[order], weight=weight[order]
    )


def test_a_reference_of_all_joins_the_groups_weights():
    score, _, groups, weight = people()
    chosen, codes = score > 0.5, groups["g"].coded().codes
    found = selection_rate_ratio(selected=chosen, protected=groups, weight=weight, reference="overall")
    whole = weight[chosen].sum() / weight.sum()
    rates = [weight[chosen & (codes == k)].sum() / weight[codes == k].sum() for k in range(3)]
    assert found.value == pytest.approx(min(rates) / whole)


def test_where_there_is_no_place_for_weights_the_sentence_says_so():
    with pytest.raises(Unmeasurable, match=r"calibration\.hosmer_lemeshow is defined on counts of rows"):
        tests.hosmer_lemeshow(score=np.full(3, 0.5), label=np.ones(3, bool), weight=np.arange(3.0))


def probable(seed: int = 4, n: int = 600):
    source = np.random.default_rng(seed)
    score = np.round(source.beta(2, 4, n), 2).clip(0.01, 0.99)
    return score, source.random(n) < score, source.random(n) * 3 + 0.1


JOINED = {
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f_beta": metrics.f1_score,
    "mcc": metrics.matthews_corrcoef,
}


@pytest.mark.parametrize("name", JOINED)
def test_figures_of_several_rates_are_scikit_learns(name):
    score, label, _, weight = people()
    found = getattr(decisions, name)(predicted=score > 0.5, label=label, weight=weight)
    assert found.value == pytest.approx(JOINED[name](label, score > 0.5, sample_weight=weight))
    assert found.interval[0] < found.value < found.interval[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", JOINED)
def test_their_linearised_error_is_that_of_resampled_rows(name):
    """A thousand bootstrap samples of the rows, each with its weight."""
    score, label, _, weight = people(n=1500)
    chosen, source = score > 0.5, np.random.default_rng(0)
    found = getattr(decisions, name)(predicted=chosen, label=label, weight=weight)
    drawn = []
    for _ in range(1000):
        rows = source.integers(0, 1500, 1500)
        drawn.append(JOINED[name](label[rows], chosen[rows], sample_weight=weight[rows]))
    error = (found.interval[1] - found.interval[0]) / 2 / 1.959964
    assert error == pytest.approx(np.std(drawn), rel=0.12)


def test_average_precision_is_scikit_learns_with_sample_weights():
    score, label, weight = probable()
    found = ranks.average_precision(score=score, label=label, weight=weight)
    wanted = metrics.average_precision_score(label, score, sample_weight=weight)
    assert found.value == pytest.approx(wanted, abs=1e-12)
    assert found.interval[0] < found.value < found.interval[1]


def test_the_difference_of_weighted_areas_is_scikit_learns():
    score, label, weight = probable()
    other = np.random.default_rng(1).permutation(score)
    columns = Columns.of(other=other)
    found = ranks.auc_versus(score=score, label=label, columns=columns, column="other", weight=weight)
    areas = [metrics.roc_auc_score(label, s, sample_weight=weight) for s in (score, other)]
    assert found.value == pytest.approx(areas[0] - areas[1], abs=1e-12)


def test_slope_and_its_robust_error_are_statsmodels():
    score, label, weight = probable()
    found = tests.slope(score=score, label=label, weight=weight)
    x = sm.add_constant(np.log(score / (1 - score)))
    fitted = sm.GLM(label.astype(float), x, family=sm.families.Binomial(), freq_weights=weight).fit(tol=1e-12)
    assert found.value == pytest.approx(fitted.params[1], rel=1e-7)
    residual = (label - fitted.fittedvalues) * weight
    bread = np.linalg.inv(x.T @ (x * (weight * fitted.fittedvalues * (1 - fitted.fittedvalues))[:, None]))
    wanted = bread @ (x.T @ (x * (residual**2)[:, None])) @ bread
    assert found.parameters["standard_error"] == pytest.approx(wanted[1, 1] ** 0.5, rel=1e-6)


def test_errors_over_bins_are_weighted_means():
    score, label, weight = probable()
    place = np.ceil(score * 10 - 1e-12).astype(int)
    gaps = {
        k: (
            weight[place == k].sum(),
            np.average(score[place == k] - label[place == k], weights=weight[place == k]),
        )
        for k in np.unique(place)
    }
    wanted = sum(mass * abs(gap) for mass, gap in gaps.values()) / weight.sum()
    assert tests.ece(score=score, label=label, weight=weight).value == pytest.approx(wanted)
    large = tests.in_the_large(score=score, label=label, weight=weight)
    assert large.value == pytest.approx(np.average(score - label, weights=weight))


def test_lift_and_shares_of_bands_are_of_weight():
    score, label, weight = probable()
    found = bands.lift_and_gain(score=score, label=label, weight=weight, top=0.2)
    top = score >= found.parameters["at_score"]
    assert weight[top].sum() >= 0.2 * weight.sum() > weight[score > found.parameters["at_score"]].sum()
    rates = [np.average(label[rows], weights=weight[rows]) for rows in (top, slice(None))]
    assert found.value == pytest.approx(rates[0] / rates[1])
    spread = bands.concentration(score=score, weight=weight, bands=5)
    held = np.histogram(score, bins=5, weights=weight)[0] / weight.sum()
    assert spread.value == pytest.approx((held**2).sum(), abs=0.02)
