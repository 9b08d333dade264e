"""Weights: of 1 they change nothing, whole ones repeat rows, and what has no place for them says so."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from sklearn import metrics

from apps.engine.columns import Columns
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import wilson
from apps.engine.measures import performance_decisions as decisions
from apps.engine.measures.calibration_tests import hosmer_lemeshow
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
        hosmer_lemeshow(score=np.full(3, 0.5), label=np.ones(3, bool), weight=np.arange(3.0))
