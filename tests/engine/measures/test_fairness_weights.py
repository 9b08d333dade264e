"""Weighted figures of groups against fairlearn, scikit-learn, statsmodels and fractions worked by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from sklearn.metrics import roc_auc_score
from statsmodels.stats.weightstats import DescrStatsW

from apps.engine.columns import Columns
from apps.engine.errors import Unmeasurable
from apps.engine.intervals import katz_log, newcombe, wilson
from apps.engine.measures.fairness import errors, rates, scores
from apps.engine.measures.fairness.indices import differential_fairness, generalized_entropy
from apps.engine.measures.fairness.representation import representation


@pytest.fixture
def people():
    source = np.random.default_rng(3)
    label = source.random(600) < 0.4
    held = {"label": label, "score": np.clip(0.3 * label + 0.6 * source.random(600), 0, 1)}
    held["predicted"] = held["score"] > 0.45
    held["codes"] = source.choice(3, 600)
    return held | {"weight": source.random(600) + 0.1}


def groups(people) -> Columns:
    return Columns.of(g=[f"g{k}" for k in people["codes"]])


def by_group(people, figure) -> list[float]:
    return [figure(people["codes"] == k) for k in range(3)]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (errors.equalized_odds_difference, fairlearn.equalized_odds_difference),
        (errors.equalized_odds_ratio, fairlearn.equalized_odds_ratio),
    ],
)
def test_equalised_odds_are_fairlearns_with_sample_weights(people, ours, theirs):
    found = ours(
        predicted=people["predicted"],
        label=people["label"],
        protected=groups(people),
        weight=people["weight"],
    )
    wanted = theirs(
        people["label"],
        people["predicted"],
        sensitive_features=people["codes"],
        sample_weight=people["weight"],
    )
    assert found.value == pytest.approx(wanted, rel=1e-12)
    assert "Kish" in found.method


def test_group_rates_count_rows_and_weigh_rates(people):
    found = rates.group_rates(
        predicted=people["predicted"],
        label=people["label"],
        protected=groups(people),
        weight=people["weight"],
        rate="ppv",
    )
    w, p, y = people["weight"], people["predicted"], people["label"]
    ppv = by_group(people, lambda g: w[g & p & y].sum() / w[g & p].sum())
    assert [g.rates["ppv"] for g in found.groups[1:]] == pytest.approx(ppv)
    assert found.groups[0].rates["ppv"] == pytest.approx(w[p & y].sum() / w[p].sum())
    assert found.groups[1].counts["tp"] == int((p & y & (people["codes"] == 0)).sum())
    assert found.value == pytest.approx(max(ppv) - min(ppv))
    assert found.groups[1].disparities["ppv"] == pytest.approx(ppv[0] / max(ppv))


def test_intervals_rest_on_kishs_size():
    """Weights 1 and 3, half each: (Σ w)² / Σ w² = 200² / 500 = 80 rows of 100."""
    weight = np.tile([1.0, 3.0], 100)
    label = np.zeros(200, dtype=bool)
    flagged = np.concatenate((np.arange(100) < 40, np.arange(100) < 60))
    found = errors.error_rate_ratio(
        predicted=flagged,
        label=label,
        protected=Columns.of(g=["a"] * 100 + ["b"] * 100),
        weight=weight,
    )
    assert found.exact == Fraction(2, 3)
    assert found.interval == katz_log(32, 80, 48, 80)
    assert found.groups[0].interval == wilson(32, 80)
    assert found.parameters["worst_rate"] == "fpr"
    gap = rates.group_rates(
        predicted=flagged, label=label, protected=Columns.of(g=["a"] * 100 + ["b"] * 100), weight=weight
    )
    assert gap.interval == newcombe(48, 80, 32, 80)


def test_standardised_means_are_statsmodels_weighted_ones(people):
    found = scores.standardized_mean_difference(
        score=people["score"], protected=groups(people), weight=people["weight"]
    )
    means = by_group(people, lambda g: DescrStatsW(people["score"][g], people["weight"][g]).mean)
    spread = DescrStatsW(people["score"], people["weight"], ddof=1).std
    assert found.value == pytest.approx((max(means) - min(means)) / spread)


def test_calibration_gap_is_that_of_weighted_means(people):
    found = scores.calibration_gap(
        score=people["score"], label=people["label"], protected=groups(people), weight=people["weight"]
    )
    off, w = people["score"] - people["label"], people["weight"]
    means = by_group(people, lambda g: np.average(off[g], weights=w[g]))
    whole = np.average(off, weights=w)
    assert found.value == pytest.approx(max(abs(m - whole) for m in means))
    one = people["codes"] == 0
    error = math.sqrt((w[one] ** 2 * (off[one] - means[0]) ** 2).sum() * one.sum() / (one.sum() - 1))
    low, high = found.groups[0].interval
    assert (high - low) / 2 == pytest.approx(1.959964 * error / w[one].sum(), rel=1e-6)


def test_the_auc_gap_is_scikit_learns_with_sample_weights(people):
    found = scores.auc_gap(
        score=people["score"], label=people["label"], protected=groups(people), weight=people["weight"]
    )
    areas = by_group(
        people,
        lambda g: roc_auc_score(people["label"][g], people["score"][g], sample_weight=people["weight"][g]),
    )
    assert found.value == pytest.approx(max(areas) - min(areas))
    assert found.interval[0] <= found.value <= found.interval[1]


def test_indices_take_shares_of_weight():
    chosen, worthy = np.array([True, True, False, False]), np.array([False, True, True, False])
    weight, sexes = np.array([1.0, 2.0, 1.0, 4.0]), Columns.of(sex=["F", "F", "M", "M"])
    found = generalized_entropy(selected=chosen, deserving=worthy, weight=weight, protected=sexes)
    assert found.value == pytest.approx((1 * 0 + 6 * 1 + 1 * 4) / 8 / 2 - 1 / 2)
    fair = differential_fairness(selected=chosen, protected=sexes, weight=weight, min_group_size=1)
    assert fair.value == pytest.approx(math.log((3.5 / 4) / (0.5 / 6)))
    there = representation(protected=sexes, weight=weight)
    assert there.value == pytest.approx(3 / 8 / 0.5)
    effective = 64 / 22
    assert there.interval == pytest.approx([2 * end for end in wilson(3 / 8 * effective, effective)])


def test_a_group_without_weight_is_undefined():
    flags, weight = np.array([True, False, True, False]), np.array([1.0, 2.0, 0.0, 0.0])
    given = {"protected": Columns.of(g=list("aabb")), "weight": weight, "min_group_size": 1}
    found = rates.group_rates(predicted=flags, label=flags, **given)
    assert (found.status, found.value) == ("undefined", None)
    assert "g = b" in found.notes[0]
    with pytest.raises(Unmeasurable, match="g = b: its 2 rows have no weight"):
        differential_fairness(selected=flags, **given)
    mean = scores.standardized_mean_difference(score=np.arange(4.0), **given)
    assert (mean.status, list(mean.notes)) == ("undefined", ["g = b: its rows have no weight."])


def test_a_spread_needs_weights_that_count_rows():
    with pytest.raises(Unmeasurable, match="needs more than 1"):
        scores.standardized_mean_difference(
            score=np.arange(4.0), protected=Columns.of(g=list("aabb")), weight=np.array([0.1, 0.2, 0.1, 0.1])
        )


@pytest.mark.parametrize("weighted", [False, True])
def test_a_group_less_everybody_is_the_group_less_the_others_times_their_share(people, weighted):
    w = people["weight"] if weighted else np.ones(600)
    found = scores.standardized_mean_difference(
        score=people["score"],
        protected=groups(people),
        weight=w,
        reference="overall",
        attributes=["g"],
    )
    spread = DescrStatsW(people["score"], w, ddof=1).std

    def upper(inside: np.ndarray) -> float:
        means, errors = [], []
        for side in (inside, ~inside):
            x, v = people["score"][side], w[side]
            means.append(np.average(x, weights=v))
            errors.append((v**2 * (x - means[-1]) ** 2).sum() / v.sum() ** 2 * len(x) / (len(x) - 1))
        share = w[~inside].sum() / w.sum()
        return share * (abs(means[0] - means[1]) + 1.959964 * math.sqrt(sum(errors))) / spread

    assert found.interval[1] == pytest.approx(max(by_group(people, upper)), rel=1e-6)
